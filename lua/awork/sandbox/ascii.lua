-- Upper and lower case in the server's own state: ASCII's, whatever locale the host has set for its process.
local LOWER, UPPER = {}, {}
for code = 65, 90 do
  local large, small = string.char(code), string.char(code + 32)
  LOWER[large], UPPER[small] = small, large
end

local M = {}

--- Changes this lua_State's `string.lower` and `string.upper`: only for one that is the sandbox's alone.
function M.install()
  local gsub = string.gsub
  rawset(string, "lower", function(s) return (gsub(s, "[A-Z]", LOWER)) end)
  rawset(string, "upper", function(s) return (gsub(s, "[a-z]", UPPER)) end)
end

return M
