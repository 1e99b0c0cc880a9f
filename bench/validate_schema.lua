-- The user's form as JSON on standard output, for validate_ajv.mjs.
local awork = require "awork"
local cjson = require "cjson"

local types = awork.types "user"
for _, entry in ipairs(types) do
  if #entry.subtypes == 0 then
    entry.subtypes = nil
  end
end
print(cjson.encode { fields = awork.fields(), types = types, countries = awork.countries() })
