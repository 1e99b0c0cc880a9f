-- Creates one contact info, or says what is wrong with it.
--
--   AWORK_TOKEN=... lua5.4 examples/create_one.lua phone work "+49 30 1234567" [USER_ID]
--
-- Without a USER_ID it is the user whom the token belongs to; an API key belongs to nobody and needs one.
local awork = require "awork"

local kind, subtype, value, user_id = ...
if not value then
  io.stderr:write "usage: create_one.lua TYPE SUBTYPE VALUE [USER_ID]\n"
  os.exit(2)
end

local client = assert(awork.client {
  token = os.getenv "AWORK_TOKEN",
  base_url = os.getenv "AWORK_BASE_URL", -- nil: awork itself
})

-- Prints the error, each violation of it on a line, and ends.
local function fail(err)
  io.stderr:write(tostring(err), "\n")
  for _, violation in ipairs(err.violations or {}) do
    local hint = violation.hint and " -- " .. violation.hint or ""
    io.stderr:write(("  %s: %s%s\n"):format(violation.property, violation.message, hint))
  end
  os.exit(1, true)
end

if not user_id then
  local me, err = client.users:me()
  if not me then fail(err) end
  user_id = me.id
end

local info, err = client.contact_infos:create(user_id, { type = kind, subType = subtype, value = value })
if not info then fail(err) end
print(("created %s: %s %s %s"):format(info.id, info.type, info.subType, info.value))
client:close()
