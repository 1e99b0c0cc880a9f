--- What a spreadsheet does to a cell, and what is done about it on both ways.
local M = {}

local byte, find, sub = string.byte, string.find, string.sub

local APOSTROPHE, PLUS, MINUS, HASH = 39, 43, 45, 35
-- What begins a formula, or is dropped before one: = + - @ tab CR.
local RISKY = { [61] = true, [PLUS] = true, [MINUS] = true, [64] = true, [9] = true, [13] = true }

-- What a spreadsheet shows in place of a value, in English and German.
local ERRORS = {}
for word in ("#NAME? #REF! #VALUE! #N/A #DIV/0! #NULL! #NUM! #WERT! #BEZUG! #NV #ZAHL!"):gmatch "%S+" do
  ERRORS[word] = true
end

local function is_error(cell, from)
  return byte(cell, from) == HASH and (ERRORS[sub(cell, from)] or find(cell, "^#+$", from)) and true
end

-- "4,93E+11": taken for a number, and its digits dropped.
local function is_shortened(cell, from) return find(cell, "^%-?%d+[.,]?%d*[Ee]%+?%d+$", from) ~= nil end

-- Whether an apostrophe stands before this, from `from` on, when we write it.
local function is_special(cell, from)
  return RISKY[byte(cell, from)] or is_error(cell, from) or is_shortened(cell, from)
end

--- A cell as it is written: one that a spreadsheet would take for a formula (CSV injection) gets an apostrophe before
-- it, Excel's mark of a text. A phone number, its plus and all, stays as it is: without a letter nothing can be called.
function M.disarm(cell)
  local at = find(cell, "[^']")
  if not at or not is_special(cell, at) then return cell end
  local first = byte(cell, at)
  if at == 1 and (first == PLUS or first == MINUS) and find(cell, "^[-+][%d ()/.-]*$") then return cell end
  return "'" .. cell
end

--- The inverse of `disarm`; also for `'+49 30 …`, which people type to keep Excel from reckoning.
function M.arm(cell)
  if byte(cell, 1) ~= APOSTROPHE then return cell end
  local at = find(cell, "[^']")
  return at and is_special(cell, at) and sub(cell, 2) or cell
end

--- What is wrong with a cell (as read, not yet armed) for a contact info of this type; nil if nothing is.
function M.problem(cell, type)
  local first = byte(cell, 1)
  if first == HASH then
    if is_error(cell, 1) then return ("the spreadsheet wrote '%s' in place of a value"):format(sub(cell, 1, 20)) end
  elseif type == "phone" and first and first >= 48 and first <= 57 and is_shortened(cell, 1) then
    return ("'%s' is a number that the spreadsheet has shortened, its digits are lost: make the column text and export "
      .. "again"):format(sub(cell, 1, 20))
  end
end

return M
