// What the server says to a view. One question at a time for each view: an answer that comes late is not shown.

export class Refused extends Error {}

export async function ask(view, query, signal) {
  const words = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== "" && value !== undefined));
  const response = await fetch(`/api/${view}?${words}`, { signal, cache: "no-cache" });
  const text = await response.text();
  if (!response.headers.get("Content-Type")?.startsWith("application/json")) throw new Refused(text.trim());
  return { text, data: JSON.parse(text) };
}
