--- JSON. The core reads and writes it: in memory of Lua's own, so that running out of it is an error like any other.
local core = require "awork.core"

local json = {}

--- A codec.
---@param max_depth integer how deep tables may nest, both ways
---@return table codec { encode(value), decode(text), max_depth }
function json.codec(max_depth)
  local encode, decode = core.encode, core.decode

  local codec = { max_depth = max_depth }

  --- Text for a value, or nil, message, path of what can't be sent.
  function codec.encode(value)
    return encode(value, max_depth)
  end

  --- The value of a text; nil, code, message if it is none. A JSON `null` is nil alone.
  function codec.decode(text)
    return decode(text, max_depth)
  end

  return codec
end

return json
