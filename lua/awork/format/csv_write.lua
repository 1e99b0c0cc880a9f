--- Writing CSV: what csv.lua reads, without loss.
local core = require "awork.core"
local cells_of = require "awork.format.csv_cells"
local columns = require "awork.format.columns"
local persons = require "awork.format.person"
local stream = require "awork.format.stream"

local M = {}

local find, gsub = string.find, string.gsub

-- Several values in one cell, as Google writes them.
local JOIN = cells_of.join

local function quote(cell, needs)
  if find(cell, needs) then return '"' .. gsub(cell, '"', '""') .. '"' end
  return cell
end

local function pair_key(info) return (info.type or "\0") .. "\1" .. (info.subType or "\0") end

-- The pairs of type and subtype that there are, in awork's order.
local function known_pairs()
  local list = {}
  for _, entry in ipairs(core.types "user") do
    for _, subtype in ipairs(entry.subtypes) do list[#list + 1] = { type = entry.type, subType = subtype } end
  end
  return list
end

local ADDRESS = { "addressLine1", "addressLine2", "zipCode", "city", "state", "country" }

-- The columns for a stream of persons, who can't be looked at beforehand: each pair once.
local function every_column()
  local list = { { person = "user" }, { person = "firstName" }, { person = "lastName" } }
  for _, pair in ipairs(known_pairs()) do
    for _, field in ipairs(pair.type == "address" and ADDRESS or { "value" }) do
      list[#list + 1] = { type = pair.type, subType = pair.subType, field = field, n = 1 }
    end
  end
  return list
end

-- The columns that a list of persons needs.
local function needed_columns(list)
  local slots, order, rank = {}, {}, {}
  for i, pair in ipairs(known_pairs()) do rank[pair_key(pair)] = i end
  for _, person in ipairs(list) do
    local counts = {}
    if type(person) == "table" and not persons.check(person, 0) then
      for _, info in ipairs(person.contact_infos or {}) do
        local fields = columns.filled(info)
        if fields[1] then
          local key = pair_key(info)
          local n = (counts[key] or 0) + 1
          counts[key] = n
          local slot = slots[key]
          if not slot then
            slot = { type = info.type, subType = info.subType, key = key }
            slots[key] = slot
            order[#order + 1] = slot
            slot.rank = rank[key] or #rank + 1000 + #order
          end
          slot[n] = slot[n] or {}
          for _, field in ipairs(fields) do slot[n][field] = true end
        end
      end
    end
  end
  table.sort(order, function(a, b) return a.rank < b.rank end)
  local specs = { { person = "user" }, { person = "firstName" }, { person = "lastName" } }
  for _, slot in ipairs(order) do
    for n, used in ipairs(slot) do
      for _, field in ipairs(columns.fields) do
        if used[field] then specs[#specs + 1] = { type = slot.type, subType = slot.subType, field = field, n = n } end
      end
    end
  end
  return specs
end

local function given_columns(list, level)
  local specs = {}
  for i, entry in ipairs(list) do
    local name, header = entry, nil
    if type(entry) == "table" then name, header = entry[1], entry[2] end
    local spec = type(name) == "string" and columns.spec(name)
    if not spec or (header ~= nil and type(header) ~= "string") then
      error(("columns[%d] must be a name such as 'phone:work', or { name, header }"):format(i), level)
    end
    spec.header = header
    specs[i] = spec
  end
  if #specs == 0 then error("columns must name at least one column", level) end
  return specs
end

--- The encoder (see stream.lua) for a list of persons, or, if `list` is nil, for a stream of them.
function M.encoder(opts, list, level)
  local separator, eol = opts.separator or ",", opts.eol or "\r\n"
  if not separator:find "^[,;\t|]$" then
    error("separator must be ',', ';', a tab or '|'", level)
  elseif eol ~= "\r\n" and eol ~= "\n" then
    error("eol must be \"\\r\\n\" or \"\\n\"", level)
  end
  local specs
  if opts.columns then
    specs = given_columns(opts.columns, level + 1)
  else
    specs = list and needed_columns(list) or every_column()
  end
  local needs = "[\"\r\n" .. separator .. "]"
  local formulas = opts.escape_formulas ~= false

  -- A value as the reader takes it for exactly itself.
  local function meant(value, kind) return formulas and cells_of.write(value, kind) or value end

  local function cell_of(value)
    -- White space at the ends is data, and some readers drop it when it is bare.
    if find(value, "^%s") or find(value, "%s$") then return '"' .. gsub(value, '"', '""') .. '"' end
    return quote(value, needs)
  end

  -- pair → n → field → column; and the last n, whose value cell takes what is left over.
  local place, last = {}, {}
  for i, spec in ipairs(specs) do
    if not spec.person then
      local key = pair_key(spec)
      place[key] = place[key] or {}
      place[key][spec.n] = place[key][spec.n] or {}
      place[key][spec.n][spec.field] = i
      last[key] = math.max(last[key] or 1, spec.n)
    end
  end

  local self = {}

  function self.head()
    local cells = {}
    for i, spec in ipairs(specs) do cells[i] = quote(meant(spec.header or columns.name(spec), "name"), needs) end
    return (opts.bom and "\xEF\xBB\xBF" or "") .. table.concat(cells, separator) .. eol
  end

  -- Puts a field of the `n`-th contact info of its type and subtype into its cell; nil, or what is wrong.
  local function put(cells, info, field, n, key)
    local slot = place[key][math.min(n, last[key])]
    local at, value = slot and slot[field], meant(info[field], cells_of.kind(info.type, info.subType, field))
    if find(value, "\0", 1, true) then return field .. " has a NUL character" end
    if field == "value" and find(value, JOIN, 1, true) then
      return ("'%s' in a value stands between two values in CSV"):format(JOIN)
    end
    if not at then return not opts.columns and "no column for its " .. field or nil end
    if n <= last[key] then
      cells[at] = value
    elseif next(slot) == "value" and next(slot, "value") == nil then
      local before = cells[at]
      if find(value, ":::", 1, true) or (find(before, ":::", 1, true) and not find(before, JOIN, 1, true)) then
        return "':::' in one of several values that share a cell"
      end
      cells[at] = before == "" and value or before .. JOIN .. value
    else
      return ("more of %s %s than there are columns; name some as in '%s'"):format(tostring(info.type),
        tostring(info.subType), columns.name { type = info.type, subType = info.subType, field = field, n = n })
    end
  end

  -- Puts a contact info into its cells; nil, or what is wrong.
  local function put_info(cells, info, counts)
    local fields, key = columns.filled(info), pair_key(info)
    if not fields[1] then return nil end
    if not place[key] then
      return not opts.columns
        and ("no column for type %s, subtype %s"):format(tostring(info.type), tostring(info.subType)) or nil
    end
    counts[key] = (counts[key] or 0) + 1
    for _, field in ipairs(fields) do
      local wrong = put(cells, info, field, counts[key], key)
      if wrong then return wrong end
    end
  end

  function self.row(person, _, row)
    local err = persons.check(person, row)
    if err then return nil, err end
    local function fail(message) return nil, stream.fail("unrepresentable", message, { row = row, unit = "person" }) end
    local cells, counts = {}, {}
    for i, spec in ipairs(specs) do
      local value = spec.person and person[spec.person] or ""
      cells[i] = value ~= "" and meant(value, spec.person == "user" and "user" or "name") or ""
    end
    for i, info in ipairs(person.contact_infos or {}) do
      local wrong = put_info(cells, info, counts)
      if wrong then return fail(("contact info %d: %s"):format(i, wrong)) end
    end
    for i = 1, #cells do
      if find(cells[i], "\0", 1, true) then return fail("a name has a NUL character") end
      cells[i] = cell_of(cells[i])
    end
    local line = table.concat(cells, separator)
    -- A row of one empty cell would be a blank line.
    return (line == "" and '""' or line) .. eol
  end

  return self
end

return M
