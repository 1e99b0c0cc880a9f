// openapi.mjs DESCRIPTION LUA [COUNT]: awork's own OpenAPI description judges the client and the sandbox.
//
// Prism (@stoplight/prism-cli) runs twice: as a mock with --errors, at which every method of the client is driven, and
// as a proxy before the sandbox. A small server of ours stands before it, reads what Prism says of each exchange
// (sl-violations), and judges each a second time, by ajv over the description's schemas: additional properties,
// formats, and whether every property that is described is there. What drives is openapi.lua.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import Ajv from "ajv";
import addFormats from "ajv-formats";

const [description, lua, count = "4000"] = process.argv.slice(2);
const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const api = JSON.parse(readFileSync(description, "utf8"));

// What Prism reads: the same without the format int64, which it takes to end at 2^53, as JavaScript's numbers do;
// awork's versions are beyond. They are judged here, by their digits.
const scratch = mkdtempSync(join(tmpdir(), "awork-openapi-"));
const forPrism = join(scratch, "openapi.json");
const withoutInt64 = (key, value) => (key === "format" && value === "int64" ? undefined : value);
writeFileSync(forPrism, JSON.stringify(api, withoutInt64));

// Schemas -------------------------------------------------------------------------------------------------------------

// A schema of OpenAPI 3.0 as JSON Schema: `nullable` takes null, its own keywords go, references find the schemas.
function schemaOf(node) {
  if (Array.isArray(node)) return node.map(schemaOf);
  if (node === null || typeof node !== "object") return node;
  if (node.$ref) return { $ref: "api#/definitions/" + node.$ref.split("/").pop() };
  const out = {};
  for (const [key, value] of Object.entries(node)) {
    if (["nullable", "example", "description", "readOnly", "title", "default"].includes(key)) continue;
    if (key === "properties") {
      out.properties = Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, schemaOf(inner)]));
    } else {
      out[key] = schemaOf(value);
    }
  }
  if (node.nullable && out.type) out.type = [out.type, "null"];
  return out;
}

const ajv = new Ajv({ strict: false, allErrors: true });
addFormats(ajv);
const definitions = schemaOf({ properties: api.components.schemas }).properties;
ajv.addSchema({ $id: "api", definitions });

const compiled = new Map();
function errorsOf(schema, data) {
  if (!compiled.has(schema)) compiled.set(schema, ajv.compile(schemaOf(schema)));
  const validate = compiled.get(schema);
  if (validate(data)) return [];
  return validate.errors.map((e) => `${e.instancePath || "/"} ${e.message} ${JSON.stringify(e.params)}`);
}

// The properties that are described and not there, by path.
function missing(schema, data, path = "") {
  if (schema.$ref) schema = api.components.schemas[schema.$ref.split("/").pop()];
  if (Array.isArray(data)) return data.flatMap((item) => missing(schema.items ?? {}, item, path + "[]"));
  if (data === null || typeof data !== "object" || !schema.properties) return [];
  return Object.entries(schema.properties).flatMap(([name, inner]) =>
    name in data ? missing(inner, data[name], `${path}/${name}`) : [`${path}/${name}`]);
}

// Endpoints -----------------------------------------------------------------------------------------------------------

const endpoints = Object.entries(api.paths).map(([path, methods]) => ({
  path, methods,
  // those without values first
  rank: (path.match(/\{/g) ?? []).length,
  pattern: new RegExp("^" + path.replace(/[.*+?^$()|[\]\\]/g, "\\$&").replace(/\{[^}]*\}/g, "[^/]+") + "$"),
})).sort((a, b) => a.rank - b.rank);

function operationOf(method, path) {
  const endpoint = endpoints.find((e) => e.pattern.test(path));
  return endpoint && { ...endpoint, operation: endpoint.methods[method.toLowerCase()] };
}

// Judging -------------------------------------------------------------------------------------------------------------

const tally = { requests: 0, responses: 0, findings: 0, statuses: new Map(), notes: new Map(), seen: new Set() };
const shown = new Map();
function finding(what, where) {
  tally.findings++;
  const times = (shown.get(what) ?? 0) + 1;
  shown.set(what, times);
  if (times <= 2 && shown.size <= 40) console.error(`  finding: ${where}: ${what}`);
}

function judgeRequest(method, url, headers, body) {
  const where = `${method} ${url.pathname}`;
  tally.requests++;
  const found = operationOf(method, url.pathname);
  if (!found?.operation) return finding("a request that the description does not have", where);
  const { operation, path } = found;
  const values = url.pathname.split("/");
  path.split("/").forEach((segment, i) => {
    const parameter = (operation.parameters ?? []).find((p) => p.in === "path" && segment === `{${p.name}}`);
    for (const error of parameter ? errorsOf(parameter.schema, decodeURIComponent(values[i])) : []) {
      finding(`path ${parameter.name}: ${error}`, where);
    }
  });
  const parameters = (operation.parameters ?? []).map((p) =>
    p.$ref ? api.components.parameters[p.$ref.split("/").pop()] : p);
  for (const [name, text] of url.searchParams) {
    const parameter = parameters.find((p) => p.in === "query" && p.name === name);
    if (!parameter) {
      finding(`query ${name} is not described`, where);
      continue;
    }
    const { type } = parameter.schema;
    const value = type === "integer" ? Number(text) : type === "boolean" ? { true: true, false: false }[text] : text;
    for (const error of errorsOf(parameter.schema, value)) finding(`query ${name}: ${error}`, where);
  }
  const form = operation.requestBody?.content["application/json"]?.schema;
  if (!form) return body.length > 0 && finding("a body where none is described", where);
  if (!/^application\/json/.test(headers["content-type"] ?? "")) return finding("a body that is not JSON", where);
  for (const error of errorsOf(form, JSON.parse(body))) finding(`the request's body: ${error}`, where);
}

const LIMITS = ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "x-ratelimit-limit-second",
  "x-ratelimit-remaining-second", "x-ratelimit-limit-minute", "x-ratelimit-remaining-minute"];

const ERROR = { $ref: "#/components/schemas/ErrorResponse" };

// A response of the sandbox's.
function judgeResponse(method, url, status, headers, text) {
  const where = `${method} ${url.pathname} ${status}`;
  tally.responses++;
  tally.statuses.set(status, (tally.statuses.get(status) ?? 0) + 1);
  for (const name of LIMITS) if (!(name in headers)) finding(`no header ${name}`, where);
  const found = operationOf(method, url.pathname);
  const described = found?.operation?.responses[status];
  const content = described?.content?.["application/json"]?.schema;
  if (status >= 300) {
    if (!described) tally.notes.set(status, (tally.notes.get(status) ?? 0) + 1);
    if (status === 429 || status === 403) return;
    for (const error of errorsOf(ERROR, JSON.parse(text))) finding(error, where);
    return;
  }
  if (!described) return finding("a status that the description does not have", where);
  tally.seen.add(`${method} ${found.path} ${status}`);
  if (!content) return text !== "" && finding("a body where none is described", where);
  const data = JSON.parse(text);
  for (const error of errorsOf(content, data)) finding(error, where);
  for (const path of missing(content, data)) finding(`${path} is described and not sent`, where);
  for (const [, version] of text.matchAll(/"resourceVersion":(-?\d+)/g)) {
    if (BigInt(version) <= 2n ** 53n) finding(`resourceVersion ${version} is not beyond 2^53`, where);
  }
  if (content.type === "array" && found.operation.parameters?.some((p) => p.$ref?.endsWith("/page"))) {
    for (const name of ["aw-page", "aw-pagesize", "aw-items", "aw-totalitems"]) {
      if (!(name in headers)) finding(`no header ${name}`, where);
    }
    if (Number(headers["aw-items"]) !== data.length) finding("aw-items is not the number of items", where);
  }
}

// What Prism says of an exchange. It takes every status from 400 on that is not described for a note; what it says of
// the mock's answers is about the description's own examples.
function judgePrism(method, url, headers, hostile, answers) {
  const said = headers["sl-violations"];
  if (!said) return;
  for (const { location, severity, message } of JSON.parse(said)) {
    if (hostile && location[0] === "request") continue; // meant to be wrong
    if (!answers && location[0] === "response") continue;
    if (severity !== "Error") continue;
    finding(`Prism: ${location.join(".")}: ${message}`, `${method} ${url.pathname}`);
  }
}

// Our server ----------------------------------------------------------------------------------------------------------

const readAll = async (stream) => {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
};

// Passes requests on to `port`, and judges them, and with `answers` the responses too.
async function front(port, answers) {
  const agent = new http.Agent({ keepAlive: true });
  const server = http.createServer(async (request, response) => {
    try {
      const url = new URL(request.url, "http://127.0.0.1");
      const hostile = "x-hostile" in request.headers;
      const { host, connection, "x-hostile": _, ...headers } = request.headers;
      const body = await readAll(request);
      if (!hostile) judgeRequest(request.method, url, headers, body.toString());
      const { method, url: path } = request;
      const upstream = http.request({ host: "127.0.0.1", port, method, path, headers, agent });
      upstream.end(body);
      const [answer] = await once(upstream, "response");
      const text = await readAll(answer);
      judgePrism(request.method, url, answer.headers, hostile, answers);
      if (answers) {
        judgeResponse(request.method, url, answer.statusCode, answer.headers, text.toString());
      } else if (answer.statusCode === 422) {
        finding("Prism refuses the request", `${request.method} ${url.pathname}: ${text.toString().slice(0, 300)}`);
      }
      const { connection: _c, "transfer-encoding": _t, ...back } = answer.headers;
      response.writeHead(answer.statusCode, back);
      response.end(text);
    } catch (error) {
      finding(`the exchange failed: ${error.message}`, `${request.method} ${request.url}`);
      response.destroy();
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

// Programs ------------------------------------------------------------------------------------------------------------

const children = new Set();
function start(command, args, stdio) {
  const child = spawn(command, args, { stdio, env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: "0" } });
  children.add(child);
  child.once("exit", () => children.delete(child));
  return child;
}

// Prism, listening; its child and its port.
async function prism(...args) {
  const child = start(process.execPath, [here("node_modules/@stoplight/prism-cli/dist/index.js"), ...args,
    "--host", "127.0.0.1", "--port", "0"], ["ignore", "pipe", "inherit"]);
  for await (const line of createInterface({ input: child.stdout })) {
    const port = /Prism is listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1];
    if (port) {
      child.stdout.resume();
      return { child, port };
    }
  }
  throw new Error("Prism did not start");
}

async function end(child) {
  if (!children.has(child)) return;
  child.kill("SIGTERM");
  await once(child, "exit");
}

async function finished(child) {
  const [code] = child.exitCode === null ? await once(child, "exit") : [child.exitCode];
  if (code !== 0) finding(`openapi.lua ended with ${code}`, child.spawnargs.join(" "));
}

// Stages --------------------------------------------------------------------------------------------------------------

const list = (map) => [...map].map(([status, n]) => `${status} ${n}`).join(", ");
let failed = false;
function report(name, what) {
  console.log(`prove: ${name}: ${what}, ${tally.findings} findings`);
  failed ||= tally.findings > 0;
  Object.assign(tally, { requests: 0, responses: 0, findings: 0 });
  shown.clear();
}

async function mock() {
  const { child, port } = await prism("mock", "--errors", forPrism);
  const server = await front(port, false);
  await finished(start(lua, [here("openapi.lua"), "mock", `http://127.0.0.1:${server.address().port}`], "inherit"));
  server.close();
  await end(child);
  report("openapi, mock", `${tally.requests} requests of every method of the client`);
}

async function proxy() {
  const driver = start(lua, [here("openapi.lua"), "proxy", count], ["pipe", "pipe", "inherit"]);
  const lines = createInterface({ input: driver.stdout })[Symbol.asyncIterator]();
  const { value: url } = await lines.next();
  const { child, port } = await prism("proxy", forPrism, url);
  const server = await front(port, true);
  driver.stdin.end(`http://127.0.0.1:${server.address().port}\n`);
  driver.stdout.resume();
  await finished(driver);
  server.close();
  await end(child);
  console.error(`answers: ${list(tally.statuses)}; not described there: ${list(tally.notes)}`);
  const whole = endpoints.length;
  console.error(`${tally.seen.size} kinds of answers, of ${whole} paths described`);
  report("openapi, proxy", `${tally.requests} requests and ${tally.responses} responses of the sandbox`);
}

try {
  await mock();
  await proxy();
} finally {
  for (const child of children) child.kill("SIGTERM");
  rmSync(scratch, { recursive: true });
}
process.exit(failed ? 1 : 0);
