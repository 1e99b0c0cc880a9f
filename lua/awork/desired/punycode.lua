--- Domains as people write them, from their form in ASCII: "xn--mnchen-3ya.de" is "münchen.de" (RFC 3492).
-- For comparing alone, so nothing is mapped or refused as IDNA does: what can't be read stays as it is.
local M = {}

-- RFC 3492, section 5.
local BASE, T_MIN, T_MAX, SKEW, DAMP, INITIAL_BIAS, INITIAL_N = 36, 1, 26, 38, 700, 72, 128

-- A label has at most so many bytes (RFC 1035); a longer one is none.
local LONGEST_LABEL = 63

local function adapt(delta, points, first)
  delta = first and delta // DAMP or delta // 2
  delta = delta + delta // points
  local k = 0
  while delta > (BASE - T_MIN) * T_MAX // 2 do
    delta, k = delta // (BASE - T_MIN), k + BASE
  end
  return k + (BASE - T_MIN + 1) * delta // (delta + SKEW)
end

local function digit_of(byte)
  if byte and byte >= 0x61 and byte <= 0x7A then
    return byte - 0x61
  elseif byte and byte >= 0x30 and byte <= 0x39 then
    return byte - 0x30 + 26
  end
  return nil
end

-- The next number of a label, from `at` on, and where it ends; nil if it is none.
local function integer_at(text, at, bias)
  local value, weight, k = 0, 1, BASE
  while true do
    local digit = digit_of(text:byte(at))
    if not digit then
      return nil
    end
    value, at = value + digit * weight, at + 1
    local t = math.min(math.max(k - bias, T_MIN), T_MAX)
    if digit < t then
      return value, at
    end
    weight, k = weight * (BASE - t), k + BASE
    if value > 0x7FFFFFFF or weight > 0x7FFFFFFF then
      return nil
    end
  end
end

-- The text of a label after its "xn--", in small letters; nil if it can't be read.
local function decode(label)
  local points, dash = {}, label:match "^.*()%-" or 0
  for i = 1, dash - 1 do
    points[i] = label:byte(i)
  end
  local n, i, bias, at = INITIAL_N, 0, INITIAL_BIAS, dash + 1
  while at <= #label do
    local step, after = integer_at(label, at, bias)
    if not step then
      return nil
    end
    at = after
    local count = #points + 1
    bias = adapt(step, count, i == 0)
    i = i + step
    n, i = n + i // count, i % count
    if n > 0x10FFFF or n >= 0xD800 and n <= 0xDFFF then
      return nil
    end
    table.insert(points, i + 1, n)
    i = i + 1
  end
  return points[1] and utf8.char(table.unpack(points))
end

--- A domain with its "xn--" labels in Unicode.
-- @param domain string, in small letters
-- @return string
function M.domain(domain)
  if not domain:find("xn--", 1, true) then
    return domain
  end
  return (domain:gsub("[^.]+", function(label)
    if #label <= LONGEST_LABEL and label:sub(1, 4) == "xn--" then
      return decode(label:sub(5))
    end
    return nil
  end))
end

return M
