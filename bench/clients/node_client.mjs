// undici's request, or node's fetch. Usage: node_client.mjs undici|fetch URL TOKEN COUNT CONCURRENCY
const [kind, url, token, count, width] = process.argv.slice(2);
const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
const { request, Agent, setGlobalDispatcher } = kind === "undici" ? await import("undici") : {};
if (setGlobalDispatcher) setGlobalDispatcher(new Agent({ connections: Number(width) }));

async function create() {
  const body = JSON.stringify({ type: "phone", subType: "work", value: "+49 30 23125 001" });
  const answer = kind === "undici"
    ? await (await request(url, { method: "POST", headers, body })).body.json()
    : await (await fetch(url, { method: "POST", headers, body })).json();
  if (!answer.id) throw new Error("no id");
}

let left = Number(count);
await Promise.all(Array.from({ length: Number(width) }, async () => {
  while (left-- > 0) await create();
}));
