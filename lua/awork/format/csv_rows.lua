--- The rows of a CSV text (RFC 4180), read through a window, so that a file of any size takes the same memory.
local stream = require "awork.format.stream"

local M = {}

local byte, find, gsub, sub = string.byte, string.find, string.gsub, string.sub

local MAX_RECORD = 1048576 -- bytes of one row; a quote that is never closed must not swallow the file
local MAX_COLUMNS = 1000
local WINDOW = 65536
M.window = WINDOW

local QUOTE, CR, LF, SPACE, TAB = 34, 13, 10, 32, 9

local function line_breaks(s)
  if not find(s, "[\r\n]") then return 0 end
  return select(2, gsub(gsub(s, "\r\n", "\n"), "[\r\n]", ""))
end

-- What ends a bare cell.
local function stop_pattern(separator) return "[" .. separator .. "\r\n]" end

-- The row at `pos` of `buf`: its cells, how many lines it takes, where its text ends, where the next row begins. nil if
-- more text is needed. For one that breaks the rules: false, lines, a message, where reading can go on (nil: nowhere).
-- One function, long as it is: it is the loop over every cell, and its parts share most of their state.
local function parse(buf, pos, eof, separator, stop)
  local cells, n, lines = {}, 0, 1
  while true do
    n = n + 1
    local after, broken
    local first = byte(buf, pos)
    if first == QUOTE then
      local from, doubled = pos + 1, false
      local at = from
      while true do
        at = find(buf, '"', at, true)
        if not at then
          if not eof then return nil end
          return false, lines, "a quote is opened and never closed"
        end
        after = byte(buf, at + 1)
        if after ~= QUOTE then break end
        doubled, at = true, at + 2
      end
      if not after and not eof then return nil end
      local cell = sub(buf, from, at - 1)
      if doubled then cell = gsub(cell, '""', '"') end
      lines = lines + line_breaks(cell)
      cells[n], pos = cell, at + 1
      if after and after ~= separator and after ~= CR and after ~= LF then
        broken = "text after a closing quote: a quote inside a quoted value must be doubled"
      end
    else
      local at = find(buf, stop, pos)
      if not at then
        if not eof then return nil end
        at = #buf + 1
      end
      local cell = sub(buf, pos, at - 1)
      if (first == SPACE or first == TAB) and find(cell, '^[ \t]+"') then
        broken = "white space before a quote: a quoted value must begin with it"
      end
      cells[n], pos, after = cell, at, byte(buf, at)
    end
    if n > MAX_COLUMNS then broken = ("more than %d columns"):format(MAX_COLUMNS) end
    if broken then -- the rest of the line is skipped
      pos = find(buf, "[\r\n]", pos) or #buf + 1
      after = byte(buf, pos)
      if not after and not eof then return nil end
    end
    if after == separator and not broken then
      pos = pos + 1
    else
      local last = pos - 1
      if after == CR then
        local following = byte(buf, pos + 1)
        if not following and not eof then return nil end
        pos = pos + (following == LF and 2 or 1)
      elseif after == LF then
        pos = pos + 1
      end
      if broken then return false, lines, broken, pos end
      return cells, lines, last, pos
    end
  end
end

--- The first row with something in it in the window of `input`, split at `separator`; nil if it can't be read so.
function M.peek(input, separator)
  local pos = input.pos
  while pos <= #input.buf do
    local cells, _, _, following = parse(input.buf, pos, true, byte(separator), stop_pattern(separator))
    pos = following
    if not cells or #cells > 1 or cells[1] ~= "" then return cells or nil end
  end
end

--- A function that gives the next row's cells, its number, its first line, and whether it is not valid UTF-8; nil, err
-- on failure; nil at the end. Every row counts, blank ones too, so that the numbers are those that a spreadsheet shows.
-- `line`: that of the first row.
function M.reader(input, separator, line)
  local stop, code = stop_pattern(separator), byte(separator)
  local row = 0
  local function fail(error_code, message, fatal)
    return nil, stream.fail(error_code, message, { file = input.name, row = row, line = line }, fatal)
  end
  return function()
    while true do
      local pos, buf = input.pos, input.buf
      if pos > #buf then
        local ok, err = input:more(WINDOW)
        if not ok then return nil, err end
        pos, buf = input.pos, input.buf
      end
      local cells, lines, last, following = parse(buf, pos, input.eof, code, stop)
      if cells then
        row = row + 1
        if last - pos > MAX_RECORD then
          return fail("limit", ("a row of more than %d bytes"):format(MAX_RECORD), true)
        end
        local first_line = line
        line, input.pos = line + lines, following
        return cells, row, first_line, not utf8.len(buf, pos, last)
      elseif cells == false then
        row = row + 1
        local _, err = fail("syntax", last, not following)
        line, input.pos = line + lines, following or #buf + 1
        return nil, err
      end
      -- The window doubles, so that a long row is looked at a few times and not once a piece.
      local size = #buf - pos + 1
      if size > MAX_RECORD then
        row = row + 1
        return fail("limit", ("no end of the row within %d bytes: is a quote never closed?"):format(MAX_RECORD), true)
      end
      local _, err = input:more(math.max(WINDOW, size))
      if err then return nil, err end
    end
  end
end

return M
