--- What the formats share: where text comes from and goes to, the reader object, errors with a place in the file.
local core = require "awork.core"
local errors = require "awork.error"
local text = require "awork.format.text"

local M = {}

local CHUNK = 65536
local MAX_ERRORS = 100 -- as many errors as `collect` keeps; it counts the rest

-- Errors -------------------------------------------------------------------------------------------------------------

--- "people.csv: row 17 (line 18), column 'PLZ'": the place as a person looks for it; nil if nothing is known.
-- Fit to be shown: names of files, columns and properties are others' text.
-- `place`: `{ file=, row=, line=, column=, property= }`, all optional.
function M.place(place)
  local parts = {}
  if place.row then
    parts[1] = ("%s %d"):format(place.unit or "row", place.row)
    if place.line and place.line ~= place.row then parts[1] = ("%s (line %d)"):format(parts[1], place.line) end
  elseif place.line then
    parts[1] = ("line %d"):format(place.line)
  end
  if place.column then
    parts[#parts + 1] = ("column '%s'"):format(place.column)
  elseif place.property then
    parts[#parts + 1] = place.property
  end
  local where = table.concat(parts, ", ")
  if place.file then where = where == "" and place.file or place.file .. ": " .. where end
  return where ~= "" and core.visible(where) or nil
end

local FILE = { ["not-read"] = true, ["not-written"] = true }

--- An error: `kind` (`"format"`, or `"file"` if the system refused), `code` (`"encoding"`, `"syntax"`, `"limit"`,
-- `"empty"`, `"columns"`, `"user"`, `"type"`, `"unrepresentable"`; `"not-read"`, `"not-written"`), `message`,
-- `description` (the message with its place), and of `place` the fields `file`, `row`, `line`, `column`, `property`.
-- `fatal`: nothing more can be read after it.
function M.fail(code, message, place, fatal)
  place = place or {}
  local where = M.place(place)
  return errors.new {
    kind = FILE[code] and "file" or "format", code = code, message = message,
    description = where and where .. ": " .. message or message,
    file = place.file, row = place.row, unit = place.unit, line = place.line, column = place.column,
    property = place.property,
    fatal = fatal or nil, retryable = false,
  }
end

-- Sources ------------------------------------------------------------------------------------------------------------

local function is_file(v)
  return io.type(v) == "file" or (type(v) == "userdata" and type(v.read) == "function")
end

local function is_callable(v)
  if type(v) == "function" then return true end
  local mt = getmetatable(v)
  return type(mt) == "table" and type(mt.__call) == "function"
end

-- Returns a function that gives the next piece, nil at the end, nil and a message on failure; and the file to close.
local function opener(source, level)
  if type(source) == "string" then
    local file, message = io.open(source, "rb")
    if not file then return nil, message end
    return function() return file:read(CHUNK) end, file
  elseif type(source) == "table" and type(source.text) == "string" then
    local s, at = source.text, 1
    return function()
      if at > #s then return nil end
      at = at + CHUNK
      return s:sub(at - CHUNK, at - 1)
    end
  elseif io.type(source) == "closed file" then
    error("the source is a closed file", level)
  elseif is_file(source) then
    return function() return source:read(CHUNK) end
  elseif is_callable(source) then
    return function()
      local chunk, err = source()
      if chunk == nil or chunk == "" then return nil, err end -- as `load` has it: an empty piece is the end
      if type(chunk) ~= "string" then error("the source gave no string but a " .. type(chunk), 0) end
      return chunk
    end
  end
  error("the source must be a file name, an open file, a function giving strings, or { text = ... }", level)
end

local BOMS = {
  { "\xEF\xBB\xBF", "utf-8" }, { "\xFF\xFE", "utf-16le" }, { "\xFE\xFF", "utf-16be" },
}

local Input = {}
Input.__index = Input

-- The encoding of what begins with `head`, and how many of its bytes are a mark; or nil and what is wrong.
local function detect(head, named)
  local marked, size = nil, 0
  for _, bom in ipairs(BOMS) do
    if head:sub(1, #bom[1]) == bom[1] then marked, size = bom[2], #bom[1] end
  end
  local utf16 = marked and marked ~= "utf-8"
  if not named then
    if utf16 then
      return nil, ("this is UTF-16 (Excel's \"Unicode text\"): say encoding = %q, or save it as \"CSV UTF-8\"")
        :format(marked)
    end
    local low, high = head:find("^[^%z]%z"), head:find("^%z[^%z]")
    if low or high then
      return nil, ("this looks like UTF-16: say encoding = %q if it is"):format(low and "utf-16le" or "utf-16be")
    end
    return "utf-8", size
  end
  if named == "utf-16" then
    if not utf16 then return nil, "no byte order mark: say \"utf-16le\" or \"utf-16be\"" end
    return marked, size
  end
  if marked and marked ~= named then
    return nil, ("the byte order mark is that of %s, not of %s"):format(marked, named)
  end
  return named, size
end

--- Opens `source`. `opts.encoding` is canonical or nil; with `raw_bytes` a single-byte encoding is left to the caller
-- (vCard properties name their own); with `takes_nul` a NUL byte is, too (`nul` says that there was one). Returns an
-- input, or nil and an error. The input holds a window of the text:
-- `buf`, of which everything before `pos` has been dealt with.
function M.input(source, opts, level)
  local self = setmetatable({ buf = "", pos = 1, name = opts.name, line = 1, takes_nul = opts.takes_nul }, Input)
  local pull, file = opener(source, level + 1)
  if type(source) == "string" then self.name = self.name or source end
  if not pull then return nil, M.fail("not-read", ("cannot be opened: %s"):format(file), {}, true) end
  self.file = file
  local head, message = "", nil
  while #head < 4 do
    local chunk
    chunk, message = pull()
    if not chunk then break end
    head = head .. chunk
  end
  if message then
    self:close()
    return nil, M.fail("not-read", ("cannot be read: %s"):format(message), { file = self.name }, true)
  end
  local encoding, mark = detect(head, opts.encoding)
  if not encoding then
    self:close()
    return nil, M.fail("encoding", mark, { file = self.name }, true)
  end
  self.encoding = encoding
  local convert = text.decoder(encoding)
  if opts.raw_bytes and encoding:sub(1, 3) ~= "utf" then convert = text.decoder "utf-8" end
  local first, ended = head:sub(mark + 1), false
  self.pull = function()
    if first then
      local piece = convert(first)
      first = nil
      return piece
    end
    if ended then return nil end
    local chunk, failed = pull()
    if failed then return nil, M.fail("not-read", ("cannot be read: %s"):format(failed), { file = self.name }, true) end
    ended = chunk == nil
    return convert(chunk)
  end
  return self
end

--- At least `want` bytes more in the window, unless the end is near; what has been dealt with is dropped. Returns true,
-- false at the end, or nil and an error.
function Input:more(want)
  if self.eof then return false end
  local parts, size = { self.buf:sub(self.pos) }, 0
  repeat
    local chunk, err = self.pull()
    if err then
      self.eof = true
      return nil, err
    elseif not chunk then
      self.eof = true
      break
    elseif chunk:find("\0", 1, true) and not self.takes_nul then
      self.eof = true
      return nil, M.fail("encoding", "a NUL byte: this is not text (or it is UTF-16, to be named as encoding)",
        { file = self.name }, true)
    end
    self.nul = self.nul or self.takes_nul and chunk:find("\0", 1, true) ~= nil
    parts[#parts + 1] = chunk
    size = size + #chunk
  until size >= want
  self.buf, self.pos = table.concat(parts), 1
  return size > 0
end

--- Closes the file if we opened it; may be called again.
function Input:close()
  self.eof = true
  if self.file then
    self.file:close()
    self.file = nil
  end
end

-- Readers ------------------------------------------------------------------------------------------------------------

local Reader = { __name = "awork.format.reader" }
Reader.__index = Reader

--- The next person; `false, err` for one that can't be read (`err.fatal`: reading ends with it); nil at the end.
function Reader:next()
  if self.done then return nil end
  local item, err = self.step()
  if item == nil and not err then
    self:close()
    return nil
  elseif err then
    if err.fatal then self:close() end
    return false, err
  end
  return item
end

--- Closes the file, if the reader opened it. May be called again; happens by itself at the end of a `for` loop, on
-- `break` and on errors too.
function Reader:close()
  self.done = true
  if self.input then self.input:close() end
end

Reader.__call = Reader.next
Reader.__close = Reader.close

--- A reader over `step` (person; nil, err; nil at the end), with `fields` (such as `columns`, `warnings`). Returned as
-- a generic `for` wants it: the reader is its own iterator and is closed when the loop is left.
function M.reader(step, input, fields)
  local self = fields or {}
  self.step, self.input, self.warnings = step, input, self.warnings or {}
  if input then self.file, self.encoding = input.name, input.encoding end
  setmetatable(self, Reader)
  return self, nil, nil, self
end

--- The predicate of the option `ignore_columns`: is this column (property, attribute) to be ignored? Upper and lower
-- case, punctuation and how umlauts are written don't matter.
function M.ignored(opts)
  local names, any = {}, false
  for _, name in ipairs(opts.ignore_columns or {}) do
    names[name], names[text.fold(name)], any = true, true, true
  end
  return function(name) return any and (names[name] or names[text.fold(name)]) or false end
end

--- The warning, put at the end of `warnings`, that names together what holds no contact info by its nature; none where
-- `names`, a set, is empty.
function M.warn_unused(warnings, names, file, unit)
  local list = {}
  for name in pairs(names) do list[#list + 1] = name end
  table.sort(list)
  if list[1] then
    warnings[#warnings + 1] = { file = file, unit = unit,
      message = "not used, because they hold no contact infos: " .. table.concat(list, ", ") }
  end
end

--- A reader whose first item is `err`, and that is all.
function M.broken(err)
  err.fatal = true
  return M.reader(function() return nil, err end)
end

--- All persons of a reader as a list. If one can't be read: nil and the first error, with `errors` (all, at most
-- 100), `count` (how many there were) and `persons` (those that could be read).
function M.collect(reader)
  local persons, failures, count = {}, {}, 0
  for item, err in reader do
    if item then
      persons[#persons + 1] = item
    else
      count = count + 1
      if count <= MAX_ERRORS then failures[count] = err end
    end
  end
  if count == 0 then return persons end
  local first = {}
  for k, v in pairs(failures[1]) do first[k] = v end
  first.errors, first.count, first.persons = failures, count, persons
  if count > 1 then first.description = ("%s (and %d more)"):format(first.description, count - 1) end
  return nil, errors.new(first)
end

-- Writers ------------------------------------------------------------------------------------------------------------

-- A list or an iterator of persons as an iterator.
local function each(persons, level)
  if is_callable(persons) then return persons end
  if type(persons) ~= "table" then
    error("persons must be a list, an iterator or a reader, got " .. type(persons), level)
  end
  local i = 0
  return function()
    i = i + 1
    return persons[i]
  end
end

--- An iterator over the pieces of the written text. `encoder`: `head()`, `row(person, i)` → string or nil, err, and
-- `tail(count)`; head and tail may be nil. A person that can't be written gives `false, err`, and the next follows.
function M.pieces(persons, encoder, level)
  local step, state = each(persons, level + 1), "head"
  local row, written = 0, 0
  return function()
    if state == "head" then
      state = "rows"
      local head = encoder.head and encoder.head()
      if head then return head end
    end
    if state == "rows" then
      local person, err = step()
      if person then
        row = row + 1
        local piece, failed = encoder.row(person, written + 1, row)
        if not piece then return false, failed end
        written = written + 1
        return piece
      elseif err then
        return false, err
      end
      state = "done"
      local tail = encoder.tail and encoder.tail(written)
      if tail then return tail end
    end
    return nil
  end
end

--- Writes the pieces to `sink`: a file name, an open file, or a function that takes strings (and returns nil or false
-- and a message to stop). Returns the number of persons; at the first failure nil and an error, with what came before
-- it written.
function M.drain(persons, encoder, sink, level)
  local file, put
  local count, err = 0, nil
  local counted = setmetatable({
    row = function(person, nth, row)
      local piece, failed = encoder.row(person, nth, row)
      if piece then count = nth end
      return piece, failed
    end,
  }, { __index = encoder })
  local pieces = M.pieces(persons, counted, level + 1)
  if type(sink) == "string" then
    local message
    file, message = io.open(sink, "wb")
    if not file then return nil, M.fail("not-written", ("cannot be written: %s"):format(message)) end
    file:setvbuf("full", CHUNK)
    sink = file
  elseif io.type(sink) == "closed file" then
    error("the sink is a closed file", level)
  end
  if type(sink) == "userdata" or io.type(sink) then
    put = function(piece) return sink:write(piece) end
  elseif is_callable(sink) then
    put = function(piece)
      local ok, message = sink(piece)
      if not ok and message then return nil, message end
      return true
    end
  else
    error("the sink must be a file name, an open file or a function taking strings", level)
  end
  local _ <close> = setmetatable({}, { __close = function() if file then file:close() end end })
  for piece, failed in pieces do
    if not piece then
      err = failed
      break
    end
    local ok, message = put(piece)
    if not ok then
      err = M.fail("not-written", ("cannot be written: %s"):format(message))
      break
    end
  end
  if file then
    local ok, message = file:close()
    file = nil
    if not ok and not err then err = M.fail("not-written", ("cannot be written: %s"):format(message)) end
  end
  if err then return nil, err end
  return count
end

--- All pieces as one text; nil and an error if one can't be written.
function M.text(persons, encoder, level)
  local parts = {}
  for piece, err in M.pieces(persons, encoder, level + 1) do
    if not piece then return nil, err end
    parts[#parts + 1] = piece
  end
  return table.concat(parts)
end

-- Formats ------------------------------------------------------------------------------------------------------------

--- What a format's functions are made of, for init.lua: format → `{ open(source, opts, level), encoder(persons, opts,
-- level) }`.
M.inner = {}

local OPTIONS = {
  encoding = "string", name = "string", defaults = "table", extra = "boolean", columns = "table",
  ignore_columns = "table", trim = "boolean",
  escape_formulas = "boolean", separator = "string", eol = "string", bom = "boolean", version = "string",
  lines = "boolean",
}

local function check_options(opts, known, level)
  if opts == nil then return {} end
  if type(opts) ~= "table" then error("options must be a table, got " .. type(opts), level) end
  for key, value in pairs(opts) do
    if not known[key] then error(("unknown option '%s'"):format(tostring(key)), level) end
    if key == "user" then
      if value ~= false and type(value) ~= "string" then error("option 'user' must be a name, or false", level) end
    elseif type(value) ~= OPTIONS[key] then
      error(("option '%s' must be a %s, got %s"):format(key, OPTIONS[key], type(value)), level)
    end
    for i, name in ipairs(key == "ignore_columns" and value or {}) do
      if type(name) ~= "string" then error(("ignore_columns[%d] must be a name"):format(i), level) end
    end
  end
  local encoding = opts.encoding
  if encoding ~= nil then
    local copy = {}
    for k, v in pairs(opts) do copy[k] = v end
    copy.encoding = text.encoding(encoding)
    if not copy.encoding then
      error(("unknown encoding '%s': utf-8, utf-16, utf-16le, utf-16be, windows-1252, latin1 or iso-8859-15")
        :format(tostring(encoding)), level)
    end
    return copy
  end
  return opts
end

local function set(list, more)
  local out = {}
  for name in (list .. " " .. (more or "")):gmatch "%S+" do out[name] = true end
  return out
end

-- Levels, as `error` has them, are those of the function they are handed to; a tail call leaves no frame behind.

--- The functions that every format has, over `reader(input, opts, level)` (→ a reader) and `encoder(opts, persons,
-- level)` (→ an encoder; `persons` only when it is a list). `spec`: also `read_options`, `write_options` (names), `raw`
-- (single-byte encodings are the reader's business), `nul` (NUL bytes are).
function M.format(spec)
  local read_options = set("encoding name user defaults extra ignore_columns", spec.read_options)
  local write_options = set(spec.write_options or "")
  local F = {}

  local function open(source, opts, level)
    opts = check_options(opts, read_options, level + 1)
    local input, err = M.input(source, { encoding = opts.encoding, name = opts.name, raw_bytes = spec.raw,
      takes_nul = spec.nul }, level + 1)
    if not input then return M.broken(err) end
    -- A failed export must not pass for "nothing to do".
    local _, failed
    repeat
      _, failed = input:more(1)
      local something = input.buf:find "[^ \t\r\n]"
    until failed or something or input.eof or #input.buf > CHUNK
    if not failed and input.eof and not input.buf:find "[^ \t\r\n]" then
      failed = M.fail("empty", "there is nothing in it: was it exported in full?", { file = input.name })
    end
    -- The reader comes first: it checks its options, whatever there is to read.
    local reader, state, control, closing = spec.reader(input, opts, level + 1)
    if failed then
      input:close()
      return M.broken(failed)
    end
    return reader, state, control, closing
  end

  local function encoder(persons, opts, level)
    opts = check_options(opts, write_options, level + 1)
    return spec.encoder(opts, not is_callable(persons) and type(persons) == "table" and persons or nil, level)
  end

  --- An iterator over the people of a source; see `format.read`.
  function F.read(source, opts) return open(source, opts, 2) end

  --- All people of a text: a list; or nil, err (with `errors`, `count`, `persons`).
  function F.decode(s, opts)
    if type(s) ~= "string" then error("bad argument #1 to 'decode' (string expected, got " .. type(s) .. ")", 2) end
    return M.collect((open({ text = s }, opts, 3)))
  end

  --- All people of a source: a list and the reader; or nil, err; see `format.load`.
  function F.load(source, opts)
    local reader = open(source, opts, 3)
    local persons, err = M.collect(reader)
    if not persons then return nil, err end
    return persons, reader
  end

  --- An iterator over the pieces of the text; see `format.chunks`.
  function F.chunks(persons, opts) return M.pieces(persons, encoder(persons, opts, 3), 2) end

  --- Writes people to a sink: how many; or nil, err; see `format.write`.
  function F.write(persons, sink, opts) return M.drain(persons, encoder(persons, opts, 3), sink, 2) end

  --- The text; or nil, err.
  function F.encode(persons, opts) return M.text(persons, encoder(persons, opts, 3), 2) end

  M.inner[F] = { open = open, encoder = encoder }
  return F
end

return M
