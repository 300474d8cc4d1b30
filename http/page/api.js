// Requests to the server that the page came from.

const remembered = "chromatin-token";

export class RequestError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export const token = () => sessionStorage.getItem(remembered) ?? "";
export const set_token = (value) => sessionStorage.setItem(remembered, value);

async function send(method, path, body, signal) {
  const headers = {};
  if (token()) headers.Authorization = `Bearer ${token()}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const response = await fetch(path, { method, headers, signal, body: body && JSON.stringify(body) });
  if (response.ok) return response;
  const text = await response.text();
  let message = text;
  try {
    message = JSON.parse(text).error.message;
  } catch {
    // not this server's own words
  }
  throw new RequestError(response.status, message || `status ${response.status}`);
}

export const get = async (path, signal) => (await send("GET", path, undefined, signal)).json();
export const post = async (path, body) => (await send("POST", path, body)).json();
export const remove = async (path) => (await send("DELETE", path)).json();
export const conversation_path = (name, rest = "") => `/v1/conversations/${encodeURIComponent(name)}${rest}`;

/** The events of a stream, parsed, without the mark at its end. */
export async function* stream(path, body, signal) {
  const response = await send("POST", path, body, signal);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let pending = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    pending += value;
    const events = pending.split("\n\n");
    pending = events.pop();
    for (const event of events) {
      const data = event.slice(event.indexOf("data: ") + 6);
      if (data === "[DONE]") continue;
      const content = JSON.parse(data);
      if (content.error) throw new RequestError(0, content.error.message);
      yield content;
    }
  }
}
