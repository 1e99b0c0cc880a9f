-- Debian's lua-curl (Lua 5.1) with lua-cjson. Usage: lua_curl.lua URL TOKEN COUNT
local curl, cjson = require "curl", require "cjson"

local easy, chunks = curl.easy_init(), nil
easy:setopt(curl.OPT_URL, arg[1])
easy:setopt(curl.OPT_HTTPHEADER, { "Authorization: Bearer " .. arg[2], "Content-Type: application/json" })
easy:setopt(curl.OPT_WRITEFUNCTION, function(chunk)
  chunks[#chunks + 1] = chunk
  return #chunk
end)
for _ = 1, tonumber(arg[3]) do
  chunks = {}
  local body = cjson.encode { type = "phone", subType = "work", value = "+49 30 23125 001" }
  easy:setopt(curl.OPT_POSTFIELDS, body)
  easy:perform()
  assert(cjson.decode(table.concat(chunks)).id)
end
