-- check-types.lua: do types/ and docs/ say what the modules really export, no more and no less?
-- Functions, methods and options, both ways, and the defaults of options. Run by `make lint`.
--
-- In types/*.lua a `---@class` is bound to the next variable, whose functions are its methods.
-- In docs/*.md a function stands in a heading or in the first cell of a table's row, as code: `client:close()`.
-- A table of fields or options there follows a comment that names the class: <!-- fields of awork.ClientOptions -->.
local exports = require "tools.exports"

local problems = 0
local function complain(...)
  problems = problems + 1
  print(string.format(...))
end

local function files(pattern)
  local list = {}
  local pipe = assert(io.popen("ls " .. pattern))
  for path in pipe:lines() do list[#list + 1] = path end
  pipe:close()
  return list
end

-- class -> { fields = { name -> type }, functions = { name -> parameters } }
local classes = {}
local function read_types(path)
  local variables = {}
  local pending, number = nil, 0
  for line in io.lines(path) do
    number = number + 1
    local name = line:match "^%-%-%-@class%s+([%w_.]+)"
    if name then
      if classes[name] then complain("%s:%d: class %s stands there twice", path, number, name) end
      pending = { fields = {}, functions = {}, path = path }
      classes[name] = pending
    end
    local field, kind = line:match "^%-%-%-@field%s+([%w_]+)%??%s+(.+)$"
    if field then
      if not pending then complain("%s:%d: a field without a class", path, number) end
      pending.fields[field] = kind
    end
    local variable = line:match "^local ([%w_]+) = {}"
    if variable then variables[variable], pending = pending, nil end
    local owner, method, parameters = line:match "^function ([%w_]+)[.:]([%w_]+)%(([^)]*)%)"
    if owner then
      if not variables[owner] then
        complain("%s:%d: no class for %s", path, number, owner)
      else
        variables[owner].functions[method] = parameters
      end
    end
  end
end

-- The functions that are described, "prefix.name" -> where, and class -> { field -> row } of the tables.
local functions, tables = {}, {}
local function read_docs(path)
  local current, number = nil, 0
  for line in io.lines(path) do
    number = number + 1
    local class = line:match "<!%-%- fields of ([%w_.]+) %-%->"
    if class then
      if tables[class] then complain("%s:%d: a second table of the fields of %s", path, number, class) end
      current = {}
      tables[class] = current
    end
    local cell = line:match "^#+ (.*)$" or line:match "^|([^|]*)|"
    for prefix, name in (cell or ""):gmatch "`([%w_.]+)[.:]([%w_]+)%(" do
      functions[prefix .. "." .. name] = ("%s:%d"):format(path, number)
    end
    if line:find "^#" then
      current = nil
    elseif current and line:find "^|" then
      for name in line:match("^|([^|]*)|"):gmatch "`([%w_]+)`" do current[name] = line end
    end
  end
end

local function keys(t)
  local list = {}
  for key in pairs(t) do list[#list + 1] = key end
  table.sort(list)
  return list
end

for _, path in ipairs(files "types/*.lua") do read_types(path) end
for _, path in ipairs(files "docs/*.md") do read_docs(path) end

-- Functions and methods.
local checked, described = 0, {}
for _, object in ipairs(exports.objects()) do
  local class = classes[object.class]
  if object.class and not class then complain("types: no class %s (%s)", object.class, object.prefix) end
  class = class or { functions = {}, fields = {} }
  for _, name in ipairs(keys(object.functions)) do
    checked = checked + 1
    if object.class and not class.functions[name] and not class.fields[name] then
      complain("types: %s has no `%s`", object.class, name)
    end
    if object.prefix and not functions[object.prefix .. "." .. name] then
      complain("docs: `%s.%s` is not described", object.prefix, name)
    end
  end
  for _, name in ipairs(keys(class.functions)) do
    if not object.functions[name] then
      complain("%s: %s has `%s`, the module has not", class.path, object.class, name)
    end
  end
  if object.prefix then described[object.prefix] = object.functions end
end
for _, full in ipairs(keys(functions)) do
  local prefix, name = full:match "^(.*)%.([%w_]+)$"
  if not described[prefix] then
    complain("%s: `%s`: what is %s?", functions[full], full, prefix)
  elseif not described[prefix][name] then
    complain("%s: `%s` does not exist", functions[full], full)
  end
end

-- Options and other fields: what the modules say, what the types say, what the tables say.
local fields_of = exports.fields()
for _, class_name in ipairs(keys(fields_of)) do
  local class = classes[class_name] or { fields = {} }
  for _, name in ipairs(keys(fields_of[class_name])) do
    if not class.fields[name] then complain("types: %s has no field `%s`", class_name, name) end
  end
  for _, name in ipairs(keys(class.fields)) do
    if not fields_of[class_name][name] then
      complain("%s: %s has the field `%s`, the module does not know it", class.path, class_name, name)
    end
  end
  if not tables[class_name] then complain("docs: no table of the fields of %s", class_name) end
end
for _, class_name in ipairs(keys(tables)) do
  local class = classes[class_name]
  if not class then
    complain("docs: a table of the fields of %s, which is no class of the types", class_name)
    class = { fields = {}, functions = {} }
  end
  for _, name in ipairs(keys(class.fields)) do
    checked = checked + 1
    if not tables[class_name][name] then complain("docs: %s: `%s` is not described", class_name, name) end
  end
  for _, name in ipairs(keys(tables[class_name])) do
    if not class.fields[name] then complain("docs: %s has no `%s`", class_name, name) end
  end
end

-- Defaults: where the module states one, the row of the option does as well.
for class_name, defaults in pairs(exports.defaults()) do
  for _, name in ipairs(keys(defaults)) do
    local row = tables[class_name] and tables[class_name][name]
    if row and not row:find("| " .. defaults[name] .. " |", 1, true) then
      complain("docs: %s: the default of `%s` is %s", class_name, name, defaults[name])
    end
  end
end

print(("%d functions and fields compared, %d problems"):format(checked, problems))
os.exit(problems == 0, true)
