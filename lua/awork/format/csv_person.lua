--- From the cells of a row to a person, by the plan of the header (csv_plan.lua).
local cells_of = require "awork.format.csv_cells"
local labels = require "awork.format.labels"
local persons = require "awork.format.person"
local stream = require "awork.format.stream"
local text = require "awork.format.text"

local M = {}

local byte, find, sub = string.byte, string.find, string.sub
local trim = text.trim

local JOIN = cells_of.join
local APOSTROPHE = 39
local MAX_WARNINGS = 100 -- about cells; those about columns are as many as these

local Row = {}
Row.__index = Row

--- What makes persons of one file's rows.
-- @param context { plan =, header =, opts =, file =, separator = }
-- @return object with `person(cells, row, line)`
function M.new(context)
  local self = setmetatable(context, Row)
  self.trim, self.formulas = context.opts.trim ~= false, context.opts.escape_formulas ~= false
  self.unknown = context.plan.unknown[1] and context.plan.unknown or nil
  self.ignores_unnamed = stream.ignored(context.opts)("")
  self.countries, self.known = {}, 0
  self.noted, self.notes = {}, 0
  return self
end

function Row:fail(code, i, message)
  return nil, stream.fail(code, message, { file = self.file, row = self.row, line = self.line,
    column = i and self.header[i] })
end

-- Once a file for each column: what becomes of a kind of cell.
function Row:note(i, what, message)
  local key = i .. "\0" .. what
  if self.noted[key] or self.notes >= MAX_WARNINGS then return end
  self.noted[key], self.notes = true, self.notes + 1
  table.insert(self.plan.warnings, { column = self.header[i], row = self.row, line = self.line,
    message = message })
end

function Row:country(name)
  local code = self.countries[name]
  if not code then
    if self.known >= 1000 then self.countries, self.known = {}, 0 end
    code = persons.country(name)
    self.countries[name], self.known = code, self.known + 1
  end
  return code
end

-- The value of one text of a cell: a string or a list; nil for none; nil and an error.
function Row:read(i, cell, kind, own)
  if self.trim then cell = trim(cell) end
  if cell == "" then return nil end
  if not self.formulas then
    local problem = cells_of.problem(cell, kind)
    if problem then return self:fail("syntax", i, problem) end
    return cell
  end
  local value, why = cells_of.read(cell, kind, own)
  if value == false then return self:fail("syntax", i, why) end
  if value == nil and why then
    self:note(i, why, ("'%s' is taken for no value (in row %d, and wherever it stands)"):format(why, self.row))
  end
  -- Behind an apostrophe of `write` stands a value as it is, with the spaces before a formula.
  local exact = own and byte(cell, 1) == APOSTROPHE
  if value and self.trim and not exact and type(value) == "string" then value = trim(value) end
  return value ~= "" and value or nil
end

-- The texts between ` ::: ` of a cell, those with nothing in them too.
local function pieces(cell)
  local list, from, s = {}, 1, " " .. cell .. " "
  repeat
    local at, stop = find(s, JOIN, from, true)
    list[#list + 1] = sub(s, from, at and at - 1)
    from = stop and stop + 1
  until not from
  -- What stands for the cell's ends is no part of it.
  list[1] = sub(list[1], 2)
  list[#list] = sub(list[#list], 1, -2)
  return list
end

-- House number and post box are not fields of awork's: they go where a letter has them.
local function finish_address(info)
  if info.houseNumber then
    info.addressLine1 = info.addressLine1 and info.addressLine1 .. " " .. info.houseNumber or info.houseNumber
    info.houseNumber = nil
  end
  if info.poBox then
    if info.addressLine1 then
      info.addressLine2 = info.addressLine2 and info.addressLine2 .. ", " .. info.poBox or info.poBox
    else
      info.addressLine1 = info.poBox
    end
    info.poBox = nil
  end
  -- Google and Outlook may put the whole street into one cell, line by line.
  for _, field in ipairs { "addressLine1", "addressLine2" } do
    local lines = info[field]
    if lines and find(lines, "[\r\n]") then
      local list = {}
      for piece in lines:gmatch "[^\r\n]+" do
        local line = trim(piece)
        if line ~= "" then list[#list + 1] = line end
      end
      if field == "addressLine1" then
        info.addressLine1 = table.remove(list, 1)
        if info.addressLine2 then list[#list + 1] = info.addressLine2 end
      end
      info.addressLine2 = list[1] and table.concat(list, ", ") or nil
    end
  end
end

-- The subtype that a row says in a column of its own, "Phone 1 - Label"; nil if it says that it is somebody else's.
function Row:subtype(producer, cells)
  local label = producer.kind and cells[producer.kind]
  if not label or trim(label) == "" then return producer.subType end
  if labels.of_another(label) then
    self:note(producer.kind, label, ("'%s' is somebody else; it is left out"):format(persons.excerpt(label)))
    return nil
  end
  return labels.of_label(producer.type, label) or "other"
end

function Row:add(info, where)
  local n = self.count + 1
  self.infos[n], self.where[n], self.count = info, where, n
end

-- The contact infos of one column. Returns nil, or an error.
function Row:add_values(producer, cells)
  local index = producer.index
  local cell = cells[index]
  if not cell or cell == "" then return nil end
  local subtype = self:subtype(producer, cells)
  if producer.kind and not subtype then return nil end
  local kind = cells_of.kind(producer.type, producer.subType, "value")
  local texts = find(cell, JOIN, 1, true) and pieces(cell) or { cell }
  for _, one in ipairs(texts) do
    local value, err = self:read(index, one, kind, producer.own)
    if err then return err end
    for _, each in ipairs(type(value) == "table" and value or { value }) do
      self:add({ type = producer.type, subType = subtype, value = each }, producer.column)
    end
  end
end

-- One value of an address's field: further lines follow the first.
function Row:put(info, field, value)
  if field == "country" then value = self:country(value) end
  local before = field == "addressLine2" and info.addressLine2
  info[field] = before and before .. ", " .. value or value
end

-- The texts of one column of an address: "Markt 1 ::: Ring 2" are two addresses (Google); then each cell has two.
-- `state`: how many, and in which column that was seen. nil, and an error.
function Row:texts(producer, cell, i, state)
  local texts = { cell }
  if cell and producer.loose and find(cell, JOIN, 1, true) then texts = pieces(cell) end
  if cell and trim(cell) ~= "" then
    if state.column and #texts ~= state.count then
      return self:fail("syntax", i, ("%d values between '%s', and '%s' has %d: which belong together?")
        :format(#texts, JOIN, self.header[state.column], state.count))
    end
    state.count, state.column = #texts, i
  end
  return texts
end

-- The contact infos (addresses, mostly) of several columns. Returns nil, or an error.
function Row:add_parts(producer, cells)
  local infos, filled, state = {}, {}, { count = 1 }
  for _, part in ipairs(producer.fields) do
    local texts, err = self:texts(producer, cells[part.index], part.index, state)
    if err then return err end
    for k, one in ipairs(texts) do
      local value
      value, err = self:read(part.index, one, cells_of.kind(producer.type, producer.subType, part.field), producer.own)
      if err then return err end
      if value then
        infos[k] = infos[k] or {}
        self:put(infos[k], part.field, value)
        filled[k] = filled[k] or part.field ~= "country"
      end
    end
  end
  return self:add_whole(producer, cells, infos, filled, state.count)
end

-- Adds what the columns have given, as far as it says something.
function Row:add_whole(producer, cells, infos, filled, count)
  local subtype
  for k = 1, count do
    local info = infos[k]
    -- A country that is filled in for everybody makes no address.
    if info and (filled[k] or not producer.loose) then
      subtype = subtype or self:subtype(producer, cells)
      if producer.kind and not subtype then return end
      info.type, info.subType = producer.type, subtype
      if producer.type == "address" then
        info.isAddress = true
        if producer.loose then finish_address(info) end
      end
      self:add(info, producer.columns)
    end
  end
end

-- Google's `Formatted`, or `Home Address` beside `Home Street`, says what the other columns say; alone, it can't be
-- taken apart.
function Row:check_formatted(cells)
  for key, i in pairs(self.plan.formatted or {}) do
    if cells[i] and trim(cells[i]) ~= "" then
      local found = false
      for k = 1, self.count do
        local where = self.where[k]
        found = found or (type(where) == "table" and where[key] ~= nil)
      end
      if not found then
        return select(2, self:fail("syntax", i, "an address as one text alone: give its street, postal code, town and "
          .. "country columns of their own"))
      end
    end
  end
end

-- Names, the user, what else is asked for. Returns nil, or an error.
function Row:add_about(person, cells)
  local about, opts = self.plan.person, self.opts
  for field, i in pairs(about) do
    if cells[i] and cells[i] ~= "" then
      local value, err = self:read(i, cells[i], field == "user" and "user" or "name", self.header[i] == field)
      if err then return err end
      person[field] = value
    end
  end
  if person.name then
    local first, last = persons.split_name(person.name)
    if about.lastName and not about.firstName and not first and last ~= person.lastName then
      first = last -- "Name; Nachname"
    end
    if not about.firstName then person.firstName = first end
    if not about.lastName then person.lastName = last end
    person.name = nil
  end
  if opts.extra then
    person.extra = {}
    for _, i in ipairs(self.plan.unmapped) do
      if cells[i] and cells[i] ~= "" then person.extra[self.header[i]] = cells[i] end
    end
  end
end

-- Whose row it is. Returns nil, or an error.
function Row:add_user(person, cells)
  local plan, opts = self.plan, self.opts
  if plan.user_column then
    local value, err = self:read(plan.user_column, cells[plan.user_column] or "", "user")
    if err then return err end
    person.user = value
  elseif plan.user_spec then
    local spec = plan.user_spec
    for _, info in ipairs(self.infos) do
      if info.type == spec.type and info.subType == spec.subType then
        person.user = info.value
        break
      end
    end
  end
  if not opts.user then person.user = person.user or persons.email_of(self.infos) end
  if not person.user and opts.user ~= false then
    return select(2, self:fail("user", plan.user_column, opts.user and not plan.user_column
      and ("no %s to tell whose row this is"):format(opts.user)
      or plan.user_column and "is empty, and says whose row this is"
      or "neither an awork id nor one email address for work: who is this? Name the column with the option 'user'"))
  end
end

-- A cell under a header without a name: it may be anything, and nobody would miss it.
function Row:unnamed(i)
  local key = "unnamed\0" .. i
  if self.noted[key] or self.ignores_unnamed or i == self.plan.user_column then return end
  self.noted[key] = true
  local name = ("%d, without a name"):format(i)
  table.insert(self.plan.warnings, { column = name, row = self.row, line = self.line,
    message = "not understood as a contact info; it is left out" })
  table.insert(self.plan.unknown, { name = "", what = "column" })
  self.unknown = self.plan.unknown
end

-- Is there nothing in a row? nil, and an error, if there is more in it than the header has columns for.
function Row:is_blank(cells)
  local blank, width = true, #self.header
  for i = 1, #cells do
    local cell = cells[i]
    if cell ~= "" and (not self.trim or trim(cell) ~= "") then
      blank = false
      if self.header[i] == "" then self:unnamed(i) end
      if i > width then
        return self:fail("syntax", nil, ("more cells (%d) than the header has columns (%d): a value with '%s' in it "
          .. "must stand in quotes"):format(#cells, width, self.separator == "\t" and "a tab" or self.separator))
      end
    end
  end
  return blank
end

--- The person of a row; nil and an error; nil for a row with nothing in it.
-- @param cells list of texts
-- @param row,line where it stands
function Row:person(cells, row, line)
  self.row, self.line = row, line
  local blank, err = self:is_blank(cells)
  if blank or err then return nil, err end
  self.infos, self.where, self.count = {}, {}, 0
  for _, producer in ipairs(self.plan.infos) do
    if producer.index then
      err = self:add_values(producer, cells)
    else
      err = self:add_parts(producer, cells)
    end
    if err then return nil, err end
  end
  local person = { contact_infos = self.infos }
  err = self:check_formatted(cells) or self:add_about(person, cells) or self:add_user(person, cells)
  if err then return nil, err end
  person.source = { format = "csv", file = self.file, row = row, line = line, columns = self.where,
    unknown = self.unknown }
  return person
end

return M
