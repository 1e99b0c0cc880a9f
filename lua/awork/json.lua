--- JSON. The core reads and writes it: in memory of Lua's own, so that running out of it is an error like any other.
local core = require "awork.core"

local json = {}

-- More values than fit into an answer that the engine decodes (16 KiB, BRIEF_BODY in src/lua/result.c).
local UNCOUNTED = 32768

--- A codec.
---@param max_depth integer how deep tables may nest, both ways
---@param max_values? integer|false what a text may hold, as core.decode counts, core.max_values by default; false: as
---much as it likes
---@return table codec { encode(value), decode(text), max_depth, max_values, breathe, brief }
function json.codec(max_depth, max_values)
  local encode, decode = core.encode, core.decode

  -- breathe: called every few KiB of a text that is decoded, and may yield.
  -- brief: the depth for short answers that the engine decodes itself without counting their values; 0 if it must not.
  local codec = {
    max_depth = max_depth, max_values = max_values, breathe = nil,
    brief = (not max_values or max_values >= UNCOUNTED) and max_depth or 0,
  }

  --- Text for a value, or nil, message, path of what can't be sent.
  function codec.encode(value)
    return encode(value, max_depth)
  end

  --- The value of a text; nil, code, message if it is none. A JSON `null` is nil alone.
  function codec.decode(text)
    return decode(text, max_depth, false, max_values, codec.breathe)
  end

  return codec
end

return json
