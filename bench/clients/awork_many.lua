-- Usage: awork_many.lua BASE_URL TOKEN COUNT USER_ID CONCURRENCY
local awork = require "awork"

local width = tonumber(arg[5])
local client = assert(awork.client { base_url = arg[1], token = arg[2], rate = false, max_connections = width })
local count, i = tonumber(arg[3]), 0
-- The others send a constant, too.
local row = { user_id = arg[4], info = { type = "phone", subType = "work", value = "+49 30 23125 001" } }
local report = client.contact_infos:create_many(function()
  if i < count then
    i = i + 1
    return row
  end
end, { concurrency = width })
assert(report.created == count, "not all were created")
client:close()
