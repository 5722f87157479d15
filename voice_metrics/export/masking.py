"""Secrets in foreign words, masked before any cut: whole or in part, in every encoding of servers' answers (pure).

Text and secrets are compared in a common form: escapes of URLs, JSON and HTML undone, no blanks, one case, one alphabet
of base64. Eight characters in a row of a secret count as part of it, which finds secrets cut by a server, a line break
or a limit. The work is linear in the length of the text.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator, Sequence

_GRAM = 8
# Shorter secrets are masked as whole words only.
_WORD = 6
_SHORTEST = 4
_ESCAPE = re.compile(
    rb"%([0-9a-f]{2})|[\\%]u([0-9a-f]{4})|\\x([0-9a-f]{2})|&#x([0-9a-f]{1,6});?|&#([0-9]{1,7});?"
    rb"|&(amp|lt|gt|quot|apos);|\\([\\/\"'])|\\([0-7]{3})",
    re.IGNORECASE,
)
_ENTITIES = {b"amp": b"&", b"lt": b"<", b"gt": b">", b"quot": b'"', b"apos": b"'"}
# Escaped text may be escaped again.
_LAYERS = 3
_ONE_ALPHABET = bytes.maketrans(b"-_", b"+/")
_BLANKS = b" \t\r\n\v\f"
_BASE64 = re.compile(r"[A-Za-z0-9+/-]{16,}")
# Fields of a token that is JSON inside, as Grafana's are; the others name a region or an organisation.
_FIELDS = ("k", "key", "token", "secret", "password")
_MASK = "***"
# Beginning and end, in the text, of one byte of the common form.
_Span = tuple[int, int]


class Mask:
    """Masks the secrets of one endpoint."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for known in _with_inner(secret) for form in _forms(known)}
        self._grams = frozenset(form[at : at + _GRAM] for form in forms for at in range(len(form) - _GRAM + 1))
        self._words = tuple(sorted((form for form in forms if _SHORTEST <= len(form) < _GRAM), key=len, reverse=True))

    def __call__(self, text: str) -> str:
        """Return the text with "***" in place of every secret and every part of one."""
        found = sorted(self._secret_spans(text, *_common_form(text)))
        if not found:
            return text
        parts, shown_to = [], 0
        begin, end = found[0]
        for next_begin, next_end in (*found[1:], (len(text) + 1, 0)):
            if next_begin <= end:
                end = max(end, next_end)
                continue
            parts += [text[shown_to:begin], _MASK]
            shown_to, begin, end = end, next_begin, next_end
        return "".join((*parts, text[shown_to:]))

    def _secret_spans(self, text: str, form: bytes, spans: Sequence[_Span]) -> Iterator[_Span]:
        for at in range(len(form) - _GRAM + 1):
            if form[at : at + _GRAM] in self._grams:
                yield spans[at][0], spans[at + _GRAM - 1][1]
        for word in self._words:
            at = form.find(word)
            while at >= 0:
                begin, end = spans[at][0], spans[at + len(word) - 1][1]
                if len(word) >= _WORD or not (text[begin - 1 : begin].isalnum() or text[end : end + 1].isalnum()):
                    yield begin, end
                at = form.find(word, at + 1)


def _common_form(text: str) -> tuple[bytes, Sequence[_Span]]:
    """Return the text in the common form, and the place of each of its bytes in the text."""
    if text.isascii():
        form, spans = text.encode(), [(at, at + 1) for at in range(len(text))]
    else:
        encoded = [sign.encode("utf-8", "surrogatepass") for sign in text]
        form = b"".join(encoded)
        spans = [(at, at + 1) for at, sign in enumerate(encoded) for _ in sign]
    for _ in range(_LAYERS):
        form, spans = _unescaped(form, spans)
    kept = [at for at, byte in enumerate(form) if byte not in _BLANKS]
    form = bytes(form[at] for at in kept).lower().translate(_ONE_ALPHABET)
    return form, [spans[at] for at in kept]


def _unescaped(form: bytes, spans: list[_Span]) -> tuple[bytes, list[_Span]]:
    parts: list[bytes] = []
    places: list[_Span] = []
    done = 0
    for escape in _ESCAPE.finditer(form):
        meant = _decoded_escape(escape)
        parts += [form[done : escape.start()], meant]
        places += spans[done : escape.start()]
        places += [(spans[escape.start()][0], spans[escape.end() - 1][1])] * len(meant)
        done = escape.end()
    return b"".join((*parts, form[done:])), places + spans[done:]


def _decoded_escape(escape: re.Match[bytes]) -> bytes:
    percent, unicode_hex, byte_hex, entity_hex, entity, name, sign, octal = escape.groups()
    if percent or byte_hex:
        return bytes([int(percent or byte_hex, 16)])
    if unicode_hex or entity_hex or entity:
        code = int(entity) if entity else int(unicode_hex or entity_hex, 16)
        return chr(code).encode("utf-8", "surrogatepass") if code < 0x110000 else b"?"
    if octal:
        return bytes([int(octal, 8) & 0xFF])
    return _ENTITIES[name.lower()] if name else sign


def _forms(secret: str) -> Iterator[bytes]:
    """Yield a secret in the common form: itself, in hexadecimal, and inside base64 at each of the three offsets."""
    yield _common_form(secret)[0]
    raw = secret.encode("utf-8", "surrogatepass")
    if len(raw) >= _SHORTEST:
        yield raw.hex().encode()
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + raw).rstrip(b"=")
        # The first and the last letters depend on the bytes beside them.
        settled = encoded[(0, 2, 3)[before] : len(encoded) - ((before + len(raw)) % 3 != 0)]
        if len(settled) >= _GRAM:
            yield settled.lower().translate(_ONE_ALPHABET)


def _with_inner(secret: str, depth: int = 2) -> Iterator[str]:
    """Yield a secret, and the secrets inside it in base64."""
    yield secret
    if not depth:
        return
    for run in _BASE64.findall(secret):
        padded = run.replace("-", "+") + "=" * (-len(run) % 4)
        try:
            text = base64.b64decode(padded, validate=True).decode()
        except (binascii.Error, ValueError):
            continue
        if not text.isprintable():
            continue
        try:
            fields = json.loads(text)
        except (ValueError, RecursionError):
            fields = None
        inner = [str(fields[name]) for name in _FIELDS if name in fields] if isinstance(fields, dict) else [text]
        for found in inner:
            if len(found) >= _GRAM:
                yield from _with_inner(found, depth - 1)
