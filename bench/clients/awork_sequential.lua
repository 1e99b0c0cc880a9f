-- Usage: awork_sequential.lua BASE_URL TOKEN COUNT USER_ID
local awork = require "awork"

local client = assert(awork.client { base_url = arg[1], token = arg[2], rate = false })
local info = { type = "phone", subType = "work", value = "+49 30 23125 001" }
for _ = 1, tonumber(arg[3]) do
  assert(client.contact_infos:create(arg[4], info))
end
client:close()
