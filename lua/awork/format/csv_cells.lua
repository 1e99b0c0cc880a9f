--- What a spreadsheet, a database or a hurried person does to a cell, and what is done about it on both ways.
--
-- `read` gives the values that a cell means, or says why it can't; `write` gives the cell that `read` takes for exactly
-- this value. An apostrophe at the beginning, Excel's mark of a text, says that a cell is to be taken as it stands: the
-- writer sets it where a value would be read as something else, or a spreadsheet would take it for a formula.
local text = require "awork.format.text"

local M = {}

local byte, find, gsub, sub = string.byte, string.find, string.gsub, string.sub
local trim, lower = text.trim, text.lower

local APOSTROPHE, EQUALS, HASH = 39, 61, 35

-- Several values in one cell, as Google writes them.
local JOIN = " ::: "
M.join = JOIN

-- Artefacts are short; what is longer is not looked at twice.
local MAX_ARTEFACT = 64

-- Whether text from `from` on begins a formula, if it stands at the beginning of a cell: a sign (of full width, too)
-- behind white space, quotes and invisible characters, which some spreadsheets drop.
local LEAD = "^[ \v\f\"\u{1C}-\u{1F}]+"
local SIGNS = { ["="] = true, ["+"] = true, ["-"] = true, ["@"] = true }
local WIDE_SIGNS = { ["\u{FF1D}"] = true, ["\u{FF0B}"] = true, ["\u{FF0D}"] = true, ["\u{FF20}"] = true }

local function skip_lead(s, from)
  while true do
    local _, stop = find(s, LEAD, from)
    if not stop then _, stop = find(s, "^\u{A0}", from) end
    if not stop then _, stop = find(s, "^\xE2\x80[\x80-\x8F\xA8-\xAF]", from) end -- U+2000…U+200F, U+2028…U+202F
    if not stop then _, stop = find(s, "^\xE2\x81[\x9F-\xAF]", from) end -- U+205F…U+206F
    if not stop then _, stop = find(s, "^\u{3000}", from) end
    if not stop then _, stop = find(s, "^\u{FEFF}", from) end
    if not stop then return from end
    from = stop + 1
  end
end

-- `part` without its leading apostrophes: does it begin a formula?
local function is_formula(part)
  local at = skip_lead(part, 1)
  return SIGNS[sub(part, at, at)] or WIDE_SIGNS[sub(part, at, at + 2)] or false
end

-- A phone number, its plus and all, stays as it is: without a letter nothing can be called.
local function is_number(part) return find(part, "^[-+][%d ()/.-]*$") ~= nil end

-- What ends a cell, or a row, in one spreadsheet or another.
local SEPARATORS = "[,;\t|\r\n]"

-- `s`, each part of it but the first treated by `change(apostrophes, rest)`.
local function each_part(s, change)
  local at = find(s, SEPARATORS)
  if not at or not find(s, "[=+@\xEF-]") then return s end -- no sign, nothing to change
  local out = { sub(s, 1, at) }
  while at do
    local following = find(s, SEPARATORS, at + 1)
    local part = sub(s, at + 1, following)
    local _, marks = find(part, "^'*")
    out[#out + 1] = change(sub(part, 1, marks), sub(part, marks + 1))
    at = following
  end
  return table.concat(out)
end

local function without_end(rest)
  return find(rest, "[,;\t|\r\n]$") and sub(rest, 1, -2) or rest
end

local function arm(marks, rest)
  if is_formula(rest) and (marks ~= "" or not is_number(without_end(rest))) then return marks .. "'" .. rest end
  return marks .. rest
end

local function disarm(marks, rest)
  if marks ~= "" and is_formula(rest) then return sub(marks, 2) .. rest end
  return marks .. rest
end

-- What stands for nothing -------------------------------------------------------------------------------------------

local function set(...)
  local words = {}
  for _, word in ipairs { ... } do words[word] = true end
  return words
end

-- Never a value, whatever the column; in lower case.
local NOTHING = set("n/a", "n.a.", "n. a.", "-", "--", "---", "–", "—", "(null)", "<null>", "[null]", "\\n",
  "k.a.", "k. a.", "k.a", "k. a", "(none)", "(leer)", "(empty)", "(blank)", "(unbekannt)", "(unknown)")
-- No contact info; in an address, or a label, it might be meant: there is a town called None.
local WORDS = set("null", "none", "nil", "nan", "undefined", "keine", "kein", "keiner", "keins", "keine angabe", "ohne",
  "unbekannt", "unknown", "leer", "empty", "nicht vorhanden", "nicht bekannt", "nicht angegeben", "not available",
  "not applicable", "not set", "entfällt")

-- What a check box leaves.
local BOOLEANS = set("TRUE", "FALSE", "WAHR", "FALSCH")

-- Names may be words; a value of somebody's own type may be any.
local KEEPS_WORDS = { name = true, custom = true, label = true }
local ADDRESS = {
  addressLine1 = true, addressLine2 = true, zipCode = true, city = true, state = true, country = true,
  houseNumber = true, poBox = true,
}

-- Is this no value? "doubt": it can't be told. Names are not asked to be more than that.
local function is_nothing(s, kind)
  if #s > MAX_ARTEFACT then return false end
  local word = lower(s)
  if NOTHING[word] then return true end
  if not WORDS[word] or KEEPS_WORDS[kind] then return false end
  if s == "NULL" or s == "NaN" or s == "undefined" then return true end
  return not ADDRESS[kind] and true or kind == "country" or "doubt"
end

-- What cells have in place of a value -------------------------------------------------------------------------------

-- "#N/A", "#WERT!", "#####", "Err:502".
local function is_error(s)
  if byte(s, 1) == HASH then
    return #s <= MAX_ARTEFACT and (find(s, "^#[A-Z\xC3][0-9A-Za-z/_\x80-\xBF\xC3]*[!?]$") or find(s, "^#[Nn]/?[AaVv]$")
      or find(s, "^#+$") or find(s, "^#GETTING_DATA$")) ~= nil
  end
  return #s <= MAX_ARTEFACT and (find(s, "^Err:%d+$") or find(s, "^%[object [A-Za-z]+%]$")
    or find(s, "^System%.[A-Za-z.]+%[?%]?$") or find(s, "^Microsoft%.[A-Za-z.]+$")) ~= nil
end

local IS_DIGITS = { phone = true, zipCode = true, houseNumber = true }

-- A house number "3-5" that the spreadsheet has taken for a day: "03. Mai", "5-Mar", "03.05.2026".
local MONTHS = set("jan", "feb", "mar", "mrz", "mär", "apr", "may", "mai", "jun", "jul", "aug", "sep", "oct", "okt",
  "nov", "dec", "dez")

local function is_date(s)
  if #s > MAX_ARTEFACT or not find(s, "[0-9]") then return false end
  if find(s, "^[0-9]+[./-][0-9]+[./-][0-9][0-9][0-9][0-9]$") or find(s, "^[12][0-9][0-9][0-9]-[0-9]+-[0-9]+") then
    return true
  end
  local word = lower(s):match "^[0-9]+[. -]+([a-z\x80-\xFF]+)" or lower(s):match "^([a-z\x80-\xFF]+)[. -]+[0-9]+$"
  return word ~= nil and #word >= 3 and MONTHS[find(word, "^mär") and "mär" or sub(word, 1, 3)] or false
end

-- "4,93E+11" and "491707654321.0": taken for numbers, and their digits dropped or a zero lost.
local function is_reckoned(s, kind)
  local first = byte(s, 1)
  if #s > MAX_ARTEFACT or not first or first < 48 or first > 57 then return false end
  if find(s, "^%d+[.,]?%d*[Ee]%+%d+$") or (kind == "phone" and find(s, "^%d+[.,]?%d*[Ee]%d+$")) then return true end
  if first == 48 or not IS_DIGITS[kind] then return false end -- a number has no zero at its beginning
  if kind == "zipCode" and find(s, "^%d%d?[.]%d%d%d$") then return true end -- "10.115"
  if find(s, "^%d+[.,]0+$") then return kind ~= "phone" or find(s, "^%d%d%d%d%d+[.,]") ~= nil end
  local thousands = kind == "phone" and s:match "^%d%d?%d?(,[%d,]+)$" -- "491,707,654,321"
  return thousands and #thousands > 4 and gsub(thousands, ",%d%d%d", "") == "" or false
end

-- Two values in a cell ----------------------------------------------------------------------------------------------

local function digits(s) return #gsub(s, "[^0-9]", "") end

-- The parts of `s` between separators (a pattern of one character), trimmed, those with nothing in them dropped.
local function split_at(s, separator)
  local parts, from = {}, 1
  while true do
    local at = find(s, separator, from)
    local part = trim(sub(s, from, at and at - 1))
    if part ~= "" then parts[#parts + 1] = part end
    if not at then return parts end
    from = at + 1
  end
end

local AND = "\1" -- stands for the words and signs that say "and"
local CONJUNCTIONS = { und = AND, oder = AND, ["and"] = AND, ["or"] = AND, ["u."] = AND, ["o."] = AND, bzw = AND,
  ["bzw."] = AND, ["&"] = AND, ["+"] = AND }

local function mark_conjunctions(s)
  if not find(s, " ", 1, true) then return s end
  return (gsub(s, "[^ \u{A0}\t\r\n]+", function(word) return CONJUNCTIONS[lower(word)] end))
end

-- May this be a phone number of its own?
local function is_whole(s)
  s = gsub(s, "^[Tt][Ee][Ll]: ?", "")
  local n = digits(s)
  return find(s, "^%(?%+") and n >= 8 or find(s, "^%(?0") and n >= 7 or false
end

-- Between two numbers, in the order in which they are looked for: "030/1234567, 0170/7654321".
local PHONE_SEPARATORS = { AND, ",", "\2", "/", "\\" }

local function split_phone(s, from, out)
  for i = from, #PHONE_SEPARATORS do
    local separator = PHONE_SEPARATORS[i]
    local parts = split_at(s, separator)
    if #parts > 1 then
      local whole, long = true, 0
      for _, part in ipairs(parts) do
        whole = whole and is_whole(part)
        long = long + (digits(part) >= 6 and 1 or 0)
      end
      if whole then
        for _, part in ipairs(parts) do
          if not split_phone(part, i + 1, out) then return false end
        end
        return true
      elseif separator == AND or (long > 1 and (digits(s) > 13 or separator == ",")) then
        return false
      end
    end
  end
  -- "+49 30 1234567 +49 170 7654321"
  local start = 1
  repeat
    local _, plus = find(s, "[0-9)][ (]*%+", start)
    local part = plus and trim(sub(s, start, plus - 1))
    if plus and not is_whole(part) then return false end
    out[#out + 1] = part or gsub(sub(s, start), "\2", " / ")
    start = plus
  until not plus
  return true
end

local function phones(s)
  if not find(s, "[;,/|\r\n\t\\+&A-Za-z]", 2) or find(s, "[\1-\3]") then return nil end
  -- ";ext=12" (RFC 3966) belongs to what is before it.
  local marked = gsub(mark_conjunctions(s), ";( *[A-Za-z][A-Za-z-]*=)", "\3%1")
  local out = {}
  for _, part in ipairs(split_at(marked, "[;|\r\n\t]")) do
    if not split_phone(gsub(part, "[ \t]/[ \t]", "\2"), 1, out) then return false end
  end
  for i, part in ipairs(out) do out[i] = gsub(part, "\3", ";") end
  return out
end

local function emails(s)
  local first = find(s, "@", 1, true)
  if not first or not find(s, "@", first + 1, true) then return nil end
  local parts = split_at(mark_conjunctions(s), "[;,|/ \t\r\n\1]")
  if #parts < 2 then return nil end
  for _, part in ipairs(parts) do
    local at = find(part, "@", 1, true)
    if not at or at == 1 or at == #part or find(part, "@", at + 1, true) or find(part, "[<>]") then return false end
  end
  return parts
end

local function urls(s)
  if not find(s, "[;,|\r\n\t ]") then return nil end
  local parts = split_at(mark_conjunctions(s), "[;,|\r\n\t \1]")
  if #parts < 2 then return nil end
  local whole = 0
  for _, part in ipairs(parts) do
    if find(part, "^[A-Za-z][0-9A-Za-z+.-]*://.") or find(part, "^[0-9A-Za-z-]+%.[0-9A-Za-z.-]+%f[/\0]") then
      whole = whole + 1
    end
  end
  -- A comma or a semicolon may be in an address: "https://example.com/a,b".
  if whole == #parts then return parts end
  if whole > 1 or (whole > 0 and find(s, "[ \t\r\n]")) then return false end
  return nil
end

local function handles(s)
  if not find(s, "[;,|/\r\n\t ]") or find(s, "[\1-\3]") then return nil end
  local first = find(s, "://", 1, true)
  if first and find(s, "://", first + 1, true) then return urls(s) end -- of two profiles
  local marked = mark_conjunctions(s)
  if find(marked, AND, 1, true) then return false end
  local parts = split_at(gsub(marked, "[ \t]/[ \t]", "\2"), "[;,|\r\n\t\2]")
  if not parts[2] then return nil end
  for _, part in ipairs(parts) do
    if find(part, " ", 1, true) then return false end -- "Doe, John" is one
  end
  return parts
end

-- A character that no phone number has, of those that cells get around them; nil if there is none.
local function odd_character(s)
  local at = find(s, "[\"'<>%%@?_{}%[%]!$`^~\\]") or find(s, "^=") or find(s, "=$")
    or find(s, "\xE2\x80[\x98-\x9F\xB9\xBA]") or find(s, "\xC2[\xAB\xBB]")
  return at and ("U+%04X"):format(utf8.codepoint(s, at))
end

local SPLIT = { phone = phones, email = emails, urls = urls, url = urls, messenger = handles, social = handles }
-- A postal code, a town or a country is one; a street may have anything in it.
local SINGLE = { zipCode = "[;,|\r\n\t]", city = "[;|\r\n\t]", country = "[;|\r\n\t]", state = "[;|\r\n\t]" }

-- Reading and writing ----------------------------------------------------------------------------------------------

local function excerpt(s)
  s = gsub(sub(s, 1, 80), "[\0-\31\127]", " ")
  while not utf8.len(s) do s = sub(s, 1, -2) end
  return s
end

local NOUN = { phone = "phone number", email = "email address", urls = "URL", url = "URL", messenger = "account",
  social = "account", zipCode = "postal code", city = "town", country = "country", state = "state" }

-- The text that a formula stands around, `="+49 30 1"` or `=01707`; nil if it reckons.
local function unwrap(s)
  local inner = sub(s, 2, 2) == '"' and sub(s, -1) == '"' and #s > 2 and sub(s, 3, -2)
  if inner and not find(gsub(inner, '""', ""), '"', 1, true) then return trim(gsub(inner, '""', '"')) end
  return find(s, "^=%+?[0-9][0-9 ()/.-]*$") and sub(s, 2) or nil
end

-- What a program has made of a value, so that it is lost; nil if nothing.
local function spoilt(s, kind)
  if is_error(s) then return ("the spreadsheet wrote '%s' in place of a value"):format(excerpt(s)) end
  if BOOLEANS[s] and not KEEPS_WORDS[kind] then return ("'%s' is a yes or a no, not a value"):format(s) end
  local made
  if kind ~= "name" and is_reckoned(s, kind) then
    made = find(s, "[Ee]") and "a number that the spreadsheet has shortened, its digits are lost"
      or "a number that the spreadsheet has made of it, digits may be lost"
  elseif (kind == "houseNumber" or kind == "zipCode") and is_date(s) then
    made = "a day that the spreadsheet has made of it"
  end
  return made and ("'%s' is %s: make the column text and export again"):format(excerpt(s), made) or nil
end

-- The values in a text that is one or several: a string, or a list of several; false and a problem.
local function values_in(s, kind)
  local split, single, parts = SPLIT[kind], SINGLE[kind], nil
  if split then
    parts = split(s)
  elseif single and (find(s, single) or kind == "zipCode" and find(s, "[0-9] ?/ ?[0-9]")) then
    parts = false
  end
  if parts == false then
    return false, ("'%s' is more than one %s, it seems: one in a cell, or '%s' between them"):format(excerpt(s),
      NOUN[kind], JOIN)
  end
  for i, part in ipairs(parts or {}) do parts[i] = gsub(part, "^'([+0-9(=])", "%1") end
  for _, part in ipairs(kind == "phone" and (parts or { s }) or {}) do
    local odd = utf8.len(part) and odd_character(part)
    if odd then return false, ("'%s' has a character that no phone number has (%s)"):format(excerpt(s), odd) end
  end
  if not parts then return s end
  return parts[2] and parts or parts[1] or s
end

-- The values that a text without a mark means: a string, or a list of several; nil for none, with the word that says
-- so; false and a problem.
local function interpret(s, kind, again)
  if byte(s, 1) == EQUALS and not again then
    local inner = unwrap(s)
    if inner == "" then return nil end
    if inner then return interpret(inner, kind, true) end
    return false, ("'%s' is a formula, not what came of it: export the values"):format(excerpt(s))
  end
  local nothing = is_nothing(s, kind)
  if nothing == true then return nil, s end
  if nothing == "doubt" then
    return false, ("is '%s' meant, or that there is none? Leave the cell empty, or write an apostrophe before it")
      :format(excerpt(s))
  end
  local problem = spoilt(s, kind)
  if problem then return false, problem end
  return values_in(s, kind)
end

-- Does a text without its apostrophes mean something else than itself, or might a spreadsheet think so?
local function is_special(s, kind)
  local first = byte(s, 1)
  if not first then return false end
  return first >= 48 and first <= 57 or is_formula(sub(s, 1, (find(s, SEPARATORS)))) or each_part(s, disarm) ~= s
    or interpret(s, kind) ~= s
end

--- What a column holds, for `read` and `write`: a contact info's type, or which of its fields.
function M.kind(type, subtype, field)
  if field ~= "value" then return field end
  return subtype == "whatsapp" and "phone" or type or "custom" -- a WhatsApp account is a phone number
end

-- Is an apostrophe before this text a spreadsheet's mark, though nothing in it calls for one? Towns have one of their
-- own ("'s-Hertogenbosch"), before a small letter; accounts and addresses of mail have none.
local function is_marked(rest, kind)
  if find(rest, "'", 1, true) then return false end
  if ADDRESS[kind] then return find(rest, "^[A-Z][a-z]") or find(rest, "^\xC3[\x84\x96\x9C]") end
  return SPLIT[kind] and find(rest, "^[@A-Za-z]")
end

--- The values that a cell means.
-- @param cell text, without JOIN
-- @param kind what the column holds: a type of contact info, a field of an address, "name", "user" or "label"
-- @param own true: under a name of ours, written by `write`: an apostrophe there says that the text is one value
-- @return string, or a list of several; nil (and the word that says so) for none; false and what is wrong
function M.read(cell, kind, own)
  if byte(cell, 1) == APOSTROPHE then
    local _, marks = find(cell, "^'+")
    local rest = sub(cell, marks + 1)
    if is_special(rest, kind) then
      local value = each_part(sub(cell, 2), disarm)
      if own or marks > 1 or ADDRESS[kind] then return value end
      local first = byte(value, 1)
      -- "'030 1; 0170 2": the apostrophe is Excel's, not ours.
      if first == EQUALS or is_nothing(value, kind) then return value end
      return interpret(value, kind)
    end
    if not own and marks == 1 and is_marked(rest, kind) then return interpret(rest, kind) end
    return each_part(cell, disarm)
  end
  local value, problem = interpret(cell, kind)
  if value == cell then return each_part(cell, disarm) end
  return value, problem
end

--- The cell that `read` takes for exactly this value under a name of ours, and no spreadsheet for a formula.
function M.write(value, kind)
  local body = each_part(value, arm)
  local _, marks = find(body, "^'*")
  local rest = sub(body, marks + 1)
  if not is_special(rest, kind) then return body end
  if marks == 0 then
    local first = sub(rest, 1, (find(rest, SEPARATORS)))
    local harmless = not is_formula(first) or is_number(without_end(first))
    if harmless and each_part(rest, disarm) == rest and interpret(rest, kind) == rest then return body end
  end
  return "'" .. body
end

--- With `escape_formulas = false`: what is wrong with a cell that is otherwise taken as it stands; nil if nothing is.
function M.problem(cell, kind)
  if is_error(cell) or (kind ~= "name" and is_reckoned(cell, kind)) then
    local _, problem = interpret(cell, kind)
    return problem
  end
end

return M
