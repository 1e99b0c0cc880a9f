-- Usage: awork_many.lua BASE_URL TOKEN COUNT USER_ID CONCURRENCY
local awork = require "awork"

local width = tonumber(arg[5])
local client = assert(awork.client { base_url = arg[1], token = arg[2], rate = false, max_connections = width })
local count, user_id, i = tonumber(arg[3]), arg[4], 0
local report = client.contact_infos:create_many(function()
  if i < count then
    i = i + 1
    return { user_id = user_id, info = { type = "phone", subType = "work", value = "+49 30 23125 001" } }
  end
end, { concurrency = width })
assert(report.created == count, "not all were created")
client:close()
