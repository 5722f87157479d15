# Defines how the plug-in's own tests run in other environments than the lock's: oldest dependencies, other Pythons.
# Meant to be sourced after uv.sh, from the root of the clone.

# make_environment FOLDER PYTHON [ARGUMENT OF uv pip install...]
make_environment() {
    folder=$1
    with_uv venv --quiet --allow-existing --python "$2" "$folder"
    shift 2
    with_uv pip install --quiet --upgrade --python "$folder" --group test --editable . "$@"
    "$folder/bin/python" -V
    with_uv pip list --quiet --python "$folder" |
        grep -E "^(pipecat-ai|opentelemetry-sdk|protobuf|requests|urllib3|typer|genai-prices|voice-prices) "
}

# core_tests FOLDER [ARGUMENT OF pytest...]: all but what needs the demo, a browser, a back end or the type checker
core_tests() {
    folder=$1
    shift
    "$folder/bin/python" -m pytest --numprocesses auto --dist loadfile \
        --ignore tests/demo --ignore tests/backends --ignore tests/backends_others --ignore tests/backends_otlp \
        --ignore tests/page --ignore tests/grafana --ignore tests/packaging --ignore tests/typing "$@"
}
