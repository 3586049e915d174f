// Shows each node's answer as it arrives.  Without this script the form does the same, all at once.
"use strict";

const form = document.getElementById("ask");
const answer = document.getElementById("answer");
let asking = null;

function fragment(html) {
  const template = document.createElement("template");
  template.innerHTML = html; // rendered by the node, which escapes everything that others wrote
  return template.content;
}

const shown = {
  plan(told) { answer.replaceChildren(fragment(told.html)); },
  peer(told) {
    for (const row of fragment(told.html).querySelectorAll("tr")) {
      const rows = [...answer.querySelectorAll("tbody tr")];
      const place = rows.find((one) => one.dataset.node === row.dataset.node);
      if (place) place.replaceWith(row); else answer.querySelector("tbody").append(row);
    }
  },
  summary(told) { answer.replaceChildren(fragment(told.html)); },
};

function take(text) {
  let name = "", data = "";
  for (const line of text.split("\n")) {
    if (line.startsWith("event: ")) name = line.slice(7);
    if (line.startsWith("data: ")) data += line.slice(6);
  }
  if (name in shown) shown[name](JSON.parse(data));
  return name === "summary";
}

async function ask(signal) {
  const reply = await fetch("/", {
    method: "POST",
    headers: { accept: "text/event-stream" },
    body: new URLSearchParams(new FormData(form)),
    signal,
  });
  if (!(reply.headers.get("content-type") || "").startsWith("text/event-stream")) return false;
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "", done = false;
  for (;;) {
    const part = await reader.read();
    if (part.done) return done;
    const events = (waiting + part.value).split("\n\n");
    waiting = events.pop();
    for (const event of events) done = take(event) || done;
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (asking) asking.abort(); // the node takes the earlier question back
  const own = asking = new AbortController();
  try {
    if (!(await ask(own.signal))) form.submit();
  } catch (fault) {
    if (!own.signal.aborted) form.submit(); // the plain way tells what is wrong
  }
});
