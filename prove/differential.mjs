// Reads what differential.lua writes, and has each record judged again: by ajv, against contract/*.json, which are
// written from the API's contract and share nothing with the rock. The verdict and the rules broken must be the same.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { Ajv2020 } from "ajv/dist/2020.js";

const here = new URL(".", import.meta.url);
const validators = {};
for (const owner of ["user", "company"]) {
  const schema = JSON.parse(readFileSync(new URL(`contract/${owner}.json`, here), "utf8"));
  validators[owner] = new Ajv2020({ allErrors: true, strict: false }).compile(schema);
}

// An error as "property:rule". What stands in $defs is named so; of the rest the keyword says it.
function rule(error) {
  const named = /^#\/\$defs\/([^/]*)/.exec(error.schemaPath);
  if (named) {
    const [name, property] = decodeURIComponent(named[1]).split(":");
    return `${property}:${name}`;
  }
  const property = error.instancePath.slice(1);
  switch (error.keyword) {
    case "additionalProperties": return `${error.params.additionalProperty}:unknown-field`;
    case "type": return `${property}:type`;
    case "maxLength": return `${property}:length`;
    case "anyOf": return `${property}:${property === "country" ? "country" : "possible-values"}`;
    default: return null; // a part of one of the above
  }
}

// What is said of the fields whose meaning hangs on the type, when there is no such type: the verdict is clear, the
// rest is a guess at what was meant. And what is required and blank is as good as absent: that is all there is to say.
const ON_TYPE = new Set(["label", "subType", "isAddress", "addressLine1", "zipCode", "city", "country"]);
const NO_TYPE = ["type:possible-values", "type:type", "type:required"];
function comparable(rules) {
  const guess = NO_TYPE.some((r) => rules.has(r));
  return new Set([...rules].filter((r) => {
    const [property, name] = [r.slice(0, r.lastIndexOf(":")), r.slice(r.lastIndexOf(":") + 1)];
    if (guess && ON_TYPE.has(property) && ["required", "inconsistent", "possible-values"].includes(name)) return false;
    return name === "required" || name === "length" || !rules.has(`${property}:required`);
  }));
}

let count = 0, accepted = 0, findings = 0;
const seen = new Map();
for await (const line of createInterface({ input: process.stdin })) {
  const { owner, info, ok, rules = [] } = JSON.parse(line);
  const validate = validators[owner];
  const verdict = validate(info);
  const theirs = comparable(new Set((validate.errors ?? []).map(rule).filter(Boolean)));
  const ours = comparable(new Set(rules));
  count++;
  accepted += ok ? 1 : 0;
  for (const r of ours) seen.set(r.split(":").pop(), (seen.get(r.split(":").pop()) ?? 0) + 1);
  const differ = [...theirs].filter((r) => !ours.has(r)).map((r) => `contract alone: ${r}`)
    .concat([...ours].filter((r) => !theirs.has(r)).map((r) => `awork alone: ${r}`));
  if (verdict !== ok || differ.length > 0) {
    findings++;
    if (findings <= 20) console.error(`${owner} ${line.slice(0, 400)}\n  ${differ.join("; ")}`);
  }
}
console.error([...seen].map(([name, n]) => `${name} ${n}`).join(", "));
console.log(`prove: differential: ${count} records (${accepted} valid) by ajv and by awork.validate, ${findings} findings`);
process.exitCode = findings > 0 || count !== Number(process.argv[2]) ? 1 : 0; // a record that did not come is a failure
