--- JSON: lua-cjson writes it, on an instance of our own, so that neither we nor the host change each other's settings;
-- the core reads it, in one pass, checks UTF-8 on the way, and gives what a caller wants: no nulls, whole numbers as
-- integers.
--
-- What can't be sent is refused before lua-cjson sees it (it would raise, or send something else than was meant).
local cjson = require "cjson"
local core = require "awork.core"

local json = {}

--- A codec.
---@param max_depth integer how deep tables may nest, both ways
---@return table codec { encode(value), decode(text) }
function json.codec(max_depth)
  local instance = cjson.new()
  instance.encode_max_depth(max_depth)
  instance.encode_invalid_numbers(false)
  instance.encode_sparse_array(false, 1, 0)
  instance.encode_number_precision(14)
  local cjson_encode = instance.encode
  local check, decode = core.check_json, core.decode

  local codec = {}

  --- Text for a value, or nil, message, path of what can't be sent.
  function codec.encode(value)
    local ok, message, path = check(value, max_depth)
    if not ok then
      return nil, message, path
    end
    local done, text = pcall(cjson_encode, value)
    if not done then
      return nil, tostring(text), ""
    end
    return text
  end

  --- The value of a text; nil, code, message if it is none. A JSON `null` is nil alone.
  function codec.decode(text)
    return decode(text, max_depth)
  end

  return codec
end

return json
