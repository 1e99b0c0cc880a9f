--- People from and to what people have: CSV, vCard, SCIM, JSON and JSON lines.
--
--     local format = require "awork.format"
--     for person, err in format.read "people.csv" do
--       if person then … else print(err) end            -- "people.csv: row 17, column 'PLZ': …"
--     end
--     local plan = client:plan(format.read "people.csv")
--     assert(format.write(people, "people.vcf"))
--
-- Pure functions: nothing here talks to awork. A person is
-- `{ user = id or email, firstName =, lastName =, contact_infos = { … }, source = { file =, row =, line =, … } }`, as
-- `client:plan` takes it (see person.lua). The formats only map; whether a number is one, the validator says, and
-- `format.where` then says where it stands.
--
-- Every format (`format.csv`, `.vcard`, `.scim`, `.json`) has the same functions: `read`, `load` and `decode`; `write`,
-- `encode` and `chunks` (stream.lua). Those of this module choose the format themselves.
--
-- Sources: a file's name, an open file, a function that gives strings (nil or "" at the end), `{ text = "…" }`.
-- Sinks: a file's name, an open file, a function that takes strings.
--
-- Errors have `kind = "format"`, or `"file"` where the system refused; see stream.lua.
local core = require "awork.core"
local person = require "awork.format.person"
local stream = require "awork.format.stream"

local M = {
  csv = require "awork.format.csv",
  vcard = require "awork.format.vcard",
  scim = require "awork.format.scim",
  json = require "awork.format.json",
}

--- `format.where(person, index [, property])`: where a contact info stands in the file that the person was read from,
-- for a message: `"people.csv: row 17 (line 18), column 'PLZ'"`; nil if the person was not read from a file.
M.where = person.where

--- `format.from_user(user)`: a user of the API, with `userContactInfos`, as a person: for exports.
M.from_user = person.from_user

--- `format.collect(reader)`: what is left of a reader as a list; nil and an error with `errors`, `count` and `persons`
-- if one could not be read.
M.collect = stream.collect

local HEAD = 4096

-- The formats by their names; what the name implies when writing.
local FORMATS = {
  csv = { M.csv }, tsv = { M.csv, "separator", "\t" }, vcard = { M.vcard }, vcf = { M.vcard }, scim = { M.scim },
  json = { M.json }, jsonl = { M.json, "lines", true }, ndjson = { M.json, "lines", true },
}
local NAMES = { [M.csv] = "csv", [M.vcard] = "vcard", [M.scim] = "scim", [M.json] = "json" }

-- The format that a file's name says; nil for none. JSON may be SCIM: that its text says.
local function by_name(name)
  name = core.lower(name)
  if name:find "%.scim%.json$" then return "scim" end
  local extension = name:match "%.([0-9A-Za-z]+)$"
  if extension == "txt" then return "csv" end
  return FORMATS[extension] and extension or nil
end

--- The format of a text, judged by its beginning: `"csv"`, `"vcard"`, `"scim"` or `"json"`.
-- @param head string, some KiB of it
function M.detect(head)
  if type(head) ~= "string" then
    error("bad argument #1 to 'detect' (string expected, got " .. type(head) .. ")", 2)
  end
  if head:find "^\xFF\xFE" or head:find "^\xFE\xFF" then head = head:gsub("%z", ""):sub(3) end
  head = head:gsub("^\xEF\xBB\xBF", ""):gsub("^[ \t\r\n]+", "")
  if head:find "^[Bb][Ee][Gg][Ii][Nn]:[Vv][Cc][Aa][Rr][Dd]" then return "vcard" end
  if head:find "^[%[{]" then
    local lower = core.lower(head)
    if lower:find("urn:ietf:params:scim", 1, true) or lower:find '^{%s*"resources"' or lower:find '"username"%s*:' then
      return "scim"
    end
    return "json"
  end
  return "csv"
end

local function format_of(name, level)
  local entry = FORMATS[name]
  if not entry then
    error(("unknown format '%s': csv, tsv, vcard, scim, json or jsonl"):format(tostring(name)), level)
  end
  return entry
end

-- opts without `format`, and what the format's name implies.
local function options(opts, entry, writing)
  local out = {}
  for key, value in pairs(opts or {}) do
    if key ~= "format" then out[key] = value end
  end
  local implied = entry[2]
  if implied and (writing or implied == "separator") and out[implied] == nil then out[implied] = entry[3] end
  return out
end

-- The format to read a source in, and the source again: a piece of it may have been looked at.
local function recognise(source, opts)
  if opts and opts.format then return opts.format, source end
  local named = type(source) == "string" and by_name(source)
  if named and named ~= "json" then return named, source end
  if type(source) == "string" then
    local file = io.open(source, "rb")
    if not file then return named or "csv", source end -- which says why
    local head, message = file:read(HEAD)
    local kind = head and M.detect(head) or named or "csv"
    if named and kind ~= "scim" then kind = named end
    if file:seek "set" then
      file:close()
      return kind, source
    end
    -- A pipe is read but once.
    return kind, function()
      local piece, failed = head, message
      head, message = nil, nil
      if piece or failed then return piece, failed end
      return file:read(65536)
    end
  elseif type(source) == "table" and type(source.text) == "string" then
    return M.detect(source.text:sub(1, HEAD)), source
  elseif io.type(source) == "file" then
    local head, message = source:read(HEAD)
    if not head then return "csv", function() return nil, message end end
    local first = head
    return M.detect(head), function()
      local chunk = first
      first = nil
      if chunk then return chunk end
      return source:read(65536)
    end
  elseif type(source) == "function" then
    local head, message = source()
    local first = true
    return type(head) == "string" and M.detect(head) or "csv", function()
      if not first then return source() end
      first = false
      return head, message
    end
  end
  return "csv", source -- which says what is wrong with it
end

local function open(source, opts, level)
  if type(opts or {}) ~= "table" then error("options must be a table, got " .. type(opts), level) end
  local name, again = recognise(source, opts)
  local entry = format_of(name, level + 1)
  local own = options(opts, entry)
  if type(source) == "string" and again ~= source and own.name == nil then own.name = source end
  local reader = stream.inner[entry[1]].open(again, own, level + 1)
  reader.format = NAMES[entry[1]]
  return reader, nil, nil, reader
end

--- An iterator over the people of a source: `person`; or `false, err` for one that can't be read, after which the next
-- follows unless `err.fatal`. It closes what it opened. Its format is that of the file's name, else of the text.
-- @param source see above
-- @param opts `format` (csv, tsv, vcard, scim, json, jsonl), and the options of that format:
--   all: `encoding` (utf-8; also utf-16, utf-16le, utf-16be, windows-1252, latin1, iso-8859-15), `name` (of the source,
--   for messages), `user` (which column, property or attribute says who it is; false: none is needed), `defaults`
--   (type → subtype where none is said), `extra` (true: what is not a contact info is kept in `person.extra`),
--   `ignore_columns` (names of columns, properties or attributes that hold nothing of interest: without a warning, and
--   no reason for a plan to keep what it would delete);
--   csv: `separator`, `columns` (name → `"phone:work"`, `"address:home:city"`, `"user"`, or false to leave it out),
--   `trim` (true), `escape_formulas` (true: cells are taken for what they mean, see docs/formats.md)
-- @return reader: callable, with `format`, `file`, `encoding`, `warnings` (`{ column=, message= }`), for CSV `columns`
--   and `separator`; methods `next`, `close`
function M.read(source, opts)
  return open(source, opts, 2)
end

--- All people of a source.
-- @return list, and the reader with its warnings; or nil, err: the first error, with `errors` (at most 100), `count`
--   and `persons` (who could be read)
function M.load(source, opts)
  local reader = open(source, opts, 3)
  local persons, err = stream.collect(reader)
  if not persons then return nil, err end
  return persons, reader
end

-- The encoder for what is to be written.
local function encoder(persons, opts, sink, level)
  if type(opts or {}) ~= "table" then error("options must be a table, got " .. type(opts), level) end
  local name = opts and opts.format or type(sink) == "string" and by_name(sink)
  if not name then error("which format? Say format = \"csv\", or end the file's name in .csv", level) end
  local entry = format_of(name, level + 1)
  return stream.inner[entry[1]].encoder(persons, options(opts, entry, true), level)
end

--- Writes people.
-- @param persons list, or an iterator (a reader, for conversions). CSV of a list has the columns that it needs; that of
--   a stream has each type and subtype once, and puts several values into one cell, between ` ::: `
-- @param sink see above; a file's name says the format
-- @param opts `format`, and: csv: `separator` (","), `columns` (list of `"phone:work"` or `{ "phone:work", header }`;
--   what has no column is left out), `eol` ("\r\n"), `bom` (false; Excel wants it), `escape_formulas` (true: what a
--   spreadsheet would reckon gets an apostrophe before it; phone numbers do not); vcard: `version` ("3.0" or "4.0");
--   json, scim: `lines` (false)
-- @return how many; or nil, err, with what came before it written
function M.write(persons, sink, opts)
  return stream.drain(persons, encoder(persons, opts, sink, 3), sink, 2)
end

--- The text that `write` would write. @return string; or nil, err
function M.encode(persons, opts)
  return stream.text(persons, encoder(persons, opts, nil, 3), 2)
end

--- An iterator over pieces of that text, for a stream of any length: a string, or `false, err` for a person who can't
-- be written.
function M.chunks(persons, opts)
  return stream.pieces(persons, encoder(persons, opts, nil, 3), 2)
end

return M
