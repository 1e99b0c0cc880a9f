--- What the client's specs share: a sandbox, clients of it, closed and stopped after each spec file.
local awork = require "awork"
local sandbox = require "awork.sandbox"

local help = {}

--- A sandbox without a rate limit, unless told otherwise.
function help.server(options)
  local merged = { users = 3, companies = 2, rate_limit = false }
  for name, value in pairs(options or {}) do
    merged[name] = value
  end
  return assert(sandbox.start(merged))
end

--- A client of it, without a rate limit, unless told otherwise.
function help.client(server, options)
  local merged = { base_url = server.url, token = server.token, ca_file = server.ca_file, rate = false }
  for name, value in pairs(options or {}) do
    merged[name] = value
  end
  return assert(awork.client(merged))
end

--- The session of a client, which only the debug library can get at.
function help.session(client)
  local target = client.contact_infos
  for i = 1, math.huge do
    local name, value = debug.getupvalue(target.get, i)
    if name == "sessions" then
      return value[target]
    end
    assert(name, "no session")
  end
end

--- An id of an object that does not exist.
help.nobody = "00000000-0000-4000-8000-000000000000"

--- A phone number that no other spec creates.
local count = 0
function help.phone()
  count = count + 1
  return { type = "phone", subType = "work", value = ("+49 30 %07d"):format(count) }
end

--- The paths of the requests that a server got, as "METHOD path?query".
function help.log(server)
  local lines = {}
  for i, request in ipairs(server.requests()) do
    lines[i] = request.method .. " " .. request.target:gsub("^/api/v1", "")
  end
  return lines
end

--- How many contact infos of a user have this value.
function help.count(server, id, value)
  local n = 0
  for _, info in ipairs(server.contact_infos(id)) do
    if info.value == value then
      n = n + 1
    end
  end
  return n
end

return help
