-- Creates what a JSON file lists, read by lua-cjson: what cjson decodes goes in as it is, nulls and all.
--
--     AWORK_TOKEN=… lua5.4 examples/create_from_json.lua FILE
--
-- The file: [ { "user_id": "…", "info": { "type": "phone", "subType": "work", "value": "+49 30 1234567" } }, … ].
-- AWORK_BASE_URL leads elsewhere, to a sandbox for instance.
local awork = require "awork"
local cjson = require "cjson"

local file = assert(io.open(arg[1], "rb"))
local rows = cjson.decode(file:read "a")
file:close()

local client <close> = assert(awork.client { token = os.getenv "AWORK_TOKEN", base_url = os.getenv "AWORK_BASE_URL" })
local report = assert(client.contact_infos:create_many(rows))
for i, result in ipairs(report.results) do
  -- What comes out goes through cjson as well; an error is its fields.
  print(i, cjson.encode(result.ok and result.info or { code = result.err.code, message = tostring(result.err) }))
end
os.exit(report.failed == 0 and 0 or 1, true)
