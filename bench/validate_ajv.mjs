// ajv's compiled JSON Schema of the user's form on the same records, in node. Usage: validate_ajv.mjs [rounds]
import { readFileSync } from "node:fs";
import Ajv from "ajv";

const { fields, types, countries } = JSON.parse(readFileSync(0, "utf8"));
const properties = {};
for (const f of fields)
  properties[f.name] = f.name === "isAddress" ? { type: "boolean" } : { type: "string", maxLength: f.max_length };
properties.type.enum = types.map((t) => t.type);
properties.country.enum = countries;
const address = ["addressLine1", "zipCode", "city", "country", "isAddress"];
const schema = {
  type: "object", additionalProperties: false, properties,
  allOf: [
    ...types.map((t) => ({
      if: { properties: { type: { const: t.type } }, required: ["type"] },
      then: t.subtypes ? { properties: { subType: { enum: t.subtypes } } } : true,
    })),
    { if: { properties: { type: { const: "address" } }, required: ["type"] }, then: { required: address } },
    { if: { properties: { isAddress: { const: true } }, required: ["isAddress"] },
      then: { properties: { type: { const: "address" } }, required: ["type"] } },
    { if: { required: ["subType"] }, then: { required: ["type"] } },
  ],
};
const validate = new Ajv({ allErrors: true, strict: false }).compile(schema);
const records = {
  phone: { type: "phone", subType: "work", value: "+49 30 23125 001" },
  email: { type: "email", subType: "work", value: "erika.mustermann@example.com" },
  address: {
    type: "address", subType: "work", addressLine1: "Torstraße 140", addressLine2: "Hof A", zipCode: "10119",
    city: "Berlin", country: "DE", isAddress: true,
  },
};
const rounds = Number(process.argv[2] ?? 7), per = 400000;
for (const [kind, record] of Object.entries(records)) {
  if (!validate(record)) throw new Error(JSON.stringify(validate.errors));
  const times = [];
  for (let r = 0; r < rounds; r++) {
    const start = process.cpuUsage(); // as os.clock: a busy machine does not count
    for (let i = 0; i < per; i++) validate(record);
    const { user, system } = process.cpuUsage(start);
    times.push(((user + system) * 1000) / per);
  }
  times.sort((a, b) => a - b);
  console.log(`${"ajv, compiled (node), schema only".padEnd(36)} ${kind.padEnd(8)} ${times[rounds >> 1].toFixed(0).padStart(10)}`);
}
