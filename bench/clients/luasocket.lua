-- luasocket's socket.http with lua-cjson; it opens a connection for every request. Usage: luasocket.lua URL TOKEN COUNT
local http, ltn12, cjson = require "socket.http", require "ltn12", require "cjson"

for _ = 1, tonumber(arg[3]) do
  local body, chunks = cjson.encode { type = "phone", subType = "work", value = "+49 30 23125 001" }, {}
  local _, status = http.request {
    url = arg[1], method = "POST", source = ltn12.source.string(body), sink = ltn12.sink.table(chunks),
    headers = {
      ["Authorization"] = "Bearer " .. arg[2], ["Content-Type"] = "application/json", ["Content-Length"] = #body,
    },
  }
  assert(status == 200, status)
  assert(cjson.decode(table.concat(chunks)).id)
end
