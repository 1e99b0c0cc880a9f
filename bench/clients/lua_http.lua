-- lua-http with lua-cjson, over one kept connection. Usage: lua_http.lua HOST PORT PATH TOKEN COUNT
local http_client, headers_of, cjson = require "http.client", require "http.headers", require "cjson"

local connection = assert(http_client.connect { host = arg[1], port = tonumber(arg[2]), tls = false })
for _ = 1, tonumber(arg[5]) do
  local body = cjson.encode { type = "phone", subType = "work", value = "+49 30 23125 001" }
  local headers = headers_of.new()
  headers:append(":method", "POST")
  headers:append(":scheme", "http")
  headers:append(":authority", arg[1] .. ":" .. arg[2])
  headers:append(":path", arg[3])
  headers:append("authorization", "Bearer " .. arg[4])
  headers:append("content-type", "application/json")
  headers:append("content-length", tostring(#body))
  local stream = assert(connection:new_stream())
  assert(stream:write_headers(headers, false))
  assert(stream:write_body_from_string(body))
  local answer = assert(stream:get_headers())
  assert(answer:get ":status" == "200")
  assert(cjson.decode(assert(stream:get_body_as_string())).id)
end
connection:close()
