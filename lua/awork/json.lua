--- JSON, on lua-cjson: instances of our own, so that neither we nor the host change each other's settings.
--
-- A `null` is absent in what comes back, whole numbers are integers, and what can't be sent is refused before
-- lua-cjson sees it (it would raise, or send something else than was meant).
local cjson = require "cjson"
local core = require "awork.core"

local json = {}

local BOM = "\xEF\xBB\xBF"

--- A codec with its own lua-cjson instance.
---@param max_depth integer how deep tables may nest, both ways
---@return table codec { encode(value), decode(text) }
function json.codec(max_depth)
  local instance = cjson.new()
  instance.decode_max_depth(max_depth)
  instance.decode_invalid_numbers(false)
  instance.encode_max_depth(max_depth)
  instance.encode_invalid_numbers(false)
  instance.encode_sparse_array(false, 1, 0)
  instance.encode_number_precision(14)
  local cjson_encode, cjson_decode = instance.encode, instance.decode
  local check, compact, valid_utf8 = core.check_json, core.compact, core.utf8

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

  --- Text for a table that has been checked already: a contact info from the validator.
  codec.encode_checked = cjson_encode

  --- The value of a text; nil, code, message if it is none. A JSON `null` is nil alone.
  function codec.decode(text)
    if not valid_utf8(text) then
      return nil, "invalid-encoding", "the answer is not valid UTF-8"
    end
    if text:byte(1) == 0xEF and text:sub(1, 3) == BOM then
      text = text:sub(4)
    end
    local ok, value = pcall(cjson_decode, text)
    if ok then
      return compact(value)
    elseif text:find "^%s*$" then
      return nil, "empty-body", "the answer is empty"
    elseif tostring(value):find "nested" then
      return nil, "too-deep", ("the answer nests deeper than max_depth = %d"):format(max_depth)
    end
    return nil, "invalid-json", "the answer is not JSON, or cut off"
  end

  return codec
end

return json
