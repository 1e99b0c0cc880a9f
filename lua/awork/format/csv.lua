--- CSV (RFC 4180): people, one a row under a header row, as Excel, Personio, Outlook and Google write it.
--
-- A parser of our own (csv_rows.lua): libcsv drops the spaces around a value and knows neither lines nor columns for
-- its errors, the rocks there are read whole files; this one needs a window of 64 KiB and says where each value stands.
local cells_of = require "awork.format.csv_cells"
local people = require "awork.format.csv_person"
local plans = require "awork.format.csv_plan"
local rows = require "awork.format.csv_rows"
local stream = require "awork.format.stream"
local text = require "awork.format.text"
local write = require "awork.format.csv_write"

local find = string.find
local trim = text.trim

-- The separator under which the header means most; the comma if it means nothing under any.
local function guess_separator(input)
  local best, most, widest = ",", 0, 1
  for _, separator in ipairs { ",", ";", "\t", "|" } do
    local header = rows.peek(input, separator)
    if header then
      local count = plans.understood(header)
      if count > most or (count == most and #header > widest) then best, most, widest = separator, count, #header end
    end
  end
  return best
end

local function not_valid(encoding)
  return "not valid " .. encoding .. (encoding == "utf-8"
    and ": name the encoding, as in encoding = \"windows-1252\" for Excel's plain CSV" or "")
end

local NUL = "a NUL byte: this is not text (or it is UTF-16, to be named as encoding)"

-- What files begin with that are no text, though their name may end in .csv.
local BINARY = {
  ["PK\3\4"] = "this is a workbook (.xlsx, .ods, .numbers): export it as CSV, best as \"CSV UTF-8\"",
  ["\xD0\xCF\x11\xE0"] = "this is a workbook (.xls): export it as CSV, best as \"CSV UTF-8\"",
}

-- The first column whose cell is not text, and what is wrong with it.
local function unreadable(cells, header, encoding)
  for i = 1, #cells do
    if not utf8.len(cells[i]) then return header[i], not_valid(encoding) end
    if find(cells[i], "\0", 1, true) then return header[i], NUL end
  end
end

-- The header row, trimmed, and what a spreadsheet has put around its cells taken away; nil and an error.
local function read_header(next_row, input)
  local header, row_or_error, line, invalid
  repeat
    header, row_or_error, line, invalid = next_row()
  until not header or find(table.concat(header), "[^ \t]")
  if not header then
    return nil, row_or_error or stream.fail("empty", "there is not even a header row", { file = input.name })
  end
  local place = { file = input.name, row = row_or_error, line = line }
  if invalid then return nil, stream.fail("encoding", "the header is " .. not_valid(input.encoding), place) end
  for i = 1, #header do
    local name = trim(header[i])
    if find(name, "\0", 1, true) then return nil, stream.fail("encoding", NUL, place) end
    local meant = name ~= "" and cells_of.read(name, "name", true)
    header[i] = type(meant) == "string" and meant or name
  end
  return header
end

local function reader(input, opts, level)
  local separator = opts.separator
  if separator and not find(separator, "^[,;\t|]$") then
    error("separator must be ',', ';', a tab or '|'", level)
  end
  local function broken(err)
    input:close()
    return stream.broken(err)
  end
  local _, failed = input:more(rows.window)
  if failed then return broken(failed) end
  local what = BINARY[input.buf:sub(input.pos, input.pos + 3)]
  if what then return broken(stream.fail("encoding", what, { file = input.name })) end
  -- Excel's own way to name the separator, a first line "sep=;", which some programs put into quotes.
  local directive, rest = input.buf:match "^\"?[Ss][Ee][Pp]=([,;\t|])\"?[,;\t|]*\r?\n()"
  -- PowerShell's Export-Csv names the type of what it has written: "#TYPE System.Object".
  rest = rest or input.buf:match "^\"?#TYPE [^\r\n]*\r?\n()"
  if rest then input.pos = rest end
  separator = separator or directive or guess_separator(input)
  local next_row = rows.reader(input, separator, rest and 2 or 1)

  local header, err = read_header(next_row, input)
  if not header then return broken(err) end
  local plan, warnings = plans.compile(header, opts, input.name, level + 1)
  if not plan then return broken(warnings) end
  local file, count = input.name, 0
  local maker = people.new { plan = plan, header = header, opts = opts, file = file, separator = separator }

  return stream.reader(function()
    while true do
      local cells, row, line, invalid = next_row()
      if not cells then
        if not row and count == 0 then
          return nil, stream.fail("empty", "a header and not one row below it: nobody is in it", { file = file }, true)
        end
        count = count + 1
        return nil, row
      end
      if invalid or input.nul then
        local column, problem = unreadable(cells, header, input.encoding)
        if problem then
          count = count + 1
          local place = { file = file, row = row, line = line, column = column }
          return nil, stream.fail("encoding", problem, place, invalid)
        end
      end
      local person, problem = maker:person(cells, row, line)
      if person or problem then
        count = count + 1
        return person, problem
      end
    end
  end, input, { columns = header, separator = separator, warnings = warnings })
end

return stream.format {
  reader = reader, encoder = write.encoder, nul = true,
  read_options = "separator columns trim escape_formulas",
  write_options = "separator columns eol bom escape_formulas",
}
