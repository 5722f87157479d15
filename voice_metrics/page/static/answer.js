// What the server says to a view. One question at a time for each view: an answer that comes late is not shown.

// The server is gone, or is another one than this page came from.
export class Unreachable extends Error {}

export async function ask(view, query, signal) {
  const words = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== "" && value !== undefined));
  const { text, type } = await fetchText(`/api/${view}?${words}`, signal);
  if (!type?.startsWith("application/json")) throw new Unreachable(text);
  return { text, data: JSON.parse(text) };
}

async function fetchText(address, signal) {
  try {
    const response = await fetch(address, { signal, cache: "no-cache" });
    return { text: await response.text(), type: response.headers.get("Content-Type") };
  } catch (error) {
    throw signal.aborted ? error : new Unreachable(error.message);
  }
}
