--- What the modules really export, for tools/check-types.lua: functions and methods from the running modules, options
-- from the tables by which the modules check them.
local exports = {}

-- The functions of a table, or of the class behind an object; what begins with an underscore is nobody else's.
local function functions_of(value)
  local found = {}
  local mt = debug.getmetatable(value)
  local class = type(mt) == "table" and type(mt.__index) == "table" and mt.__index or {}
  for _, t in ipairs { type(value) == "table" and value or {}, class } do
    for name, item in pairs(t) do
      local item_mt = getmetatable(item)
      local callable = type(item) == "function" or type(item) == "table" and item_mt and item_mt.__call
      if callable and type(name) == "string" and not name:find "^_" then found[name] = true end
    end
  end
  return found
end

--- { { class=, prefix=, functions={ name -> true } } … }: class in the types, none for what is not public; prefix in
-- the documentation.
function exports.objects()
  local awork = require "awork"
  local sandbox = require "awork.sandbox"
  local client <close> = assert(awork.client { token = "none", base_url = "http://127.0.0.1:1" })
  local handle <close> = assert(sandbox.start {})
  local task = client:spawn(print)
  local core = require "awork.core"
  local engine = assert(core.engine {})
  local list = {}
  local function add(class, prefix, value)
    list[#list + 1] = { class = class, prefix = prefix, functions = functions_of(value) }
  end
  add("awork", "awork", awork)
  add("awork.filter", "awork.filter", awork.filter)
  add("awork.Client", "client", client)
  add("awork.ContactInfos", "client.contact_infos", client.contact_infos)
  add("awork.Users", "client.users", client.users)
  add("awork.Companies", "client.companies", client.companies)
  add("awork.Task", "task", task)
  local plan = require "awork.desired.plan".compute({}, {})
  local _ = plan.print -- a plan's methods are there when the first is asked for
  add("awork.Plan", "plan", plan)
  add("awork.ApplyReport", "report", assert(client:apply(plan)))
  add("awork.sandbox", "awork.sandbox", sandbox)
  add("awork.Sandbox", "sandbox", handle)
  local format = require "awork.format"
  add("awork.format", "format", format)
  for _, name in ipairs { "csv", "vcard", "scim", "json" } do
    -- One description serves them all.
    add("awork.format.Format", nil, format[name])
  end
  add("awork.format.Reader", "reader", debug.getmetatable((format.read { text = "user;phone\n" })).__index)
  add(nil, "core", core)
  add(nil, "posix", require "awork.posix")
  add(nil, "engine", engine)
  task:cancel()
  engine:close()
  return list
end

-- The keys of `local NAME = { … }` in a source file, for tables that their module keeps to itself.
local function keys_in(path, name)
  local file = assert(io.open(path))
  local text = file:read "a"
  file:close()
  local body = assert(text:match("\nlocal " .. name .. " = (%b{})"), path .. ": no table " .. name)
  local found = {}
  -- Whatever the values refer to, the keys are what is asked for.
  local anything = setmetatable({}, { __index = function(t) return t end })
  for key in pairs(assert(load("return " .. body, "=" .. path, "t", anything))()) do found[key] = true end
  return found
end

local function union(...)
  local all = {}
  for _, set in ipairs { ... } do
    for key in pairs(set) do all[key] = true end
  end
  return all
end

local function keys_of(t)
  local found = {}
  for key in pairs(t) do found[key] = true end
  return found
end

-- The options that the formats accept for reading or writing, and `format` itself.
local function format_options(what)
  local found = { format = true }
  for _, name in ipairs { "csv", "vcard", "scim", "json", "stream" } do
    local file = assert(io.open(("lua/awork/format/%s.lua"):format(name)))
    local text = file:read "a"
    file:close()
    for list in text:gmatch(what .. '_options = [^"\n]-"([%w_ ]*)"') do
      for option in list:gmatch "%S+" do found[option] = true end
    end
  end
  return found
end

--- class -> set of its fields, for options and for tables that a client returns.
function exports.fields()
  local awork = require "awork"
  local client_options = {}
  for _, option in ipairs(require "awork.options".list) do client_options[option.name] = true end
  local client <close> = assert(awork.client { token = "none", base_url = "http://127.0.0.1:1" })
  local list_options = keys_in("lua/awork/resource.lua", "LIST_OPTIONS")
  local report = assert(client.contact_infos:create_many {})
  return {
    ["awork.ClientOptions"] = client_options,
    ["awork.OAuthOptions"] = keys_in("lua/awork/oauth.lua", "OPTIONS"),
    ["awork.RequestOptions"] = keys_in("lua/awork/client.lua", "REQUEST_OPTIONS"),
    ["awork.ListOptions"] = list_options,
    ["awork.CreateManyOptions"] = union(keys_in("lua/awork/many.lua", "OPTIONS"), { retry = true }),
    ["awork.Report"] = keys_of(report),
    ["awork.Stats"] = keys_of(client:stats()),
    ["awork.PlanOptions"] = keys_in("lua/awork/desired/options.lua", "PLAN"),
    ["awork.ApplyOptions"] = keys_in("lua/awork/desired/apply.lua", "OPTIONS"),
    ["awork.FindCriteria"] = keys_in("lua/awork/desired/find.lua", "OPTIONS"),
    ["awork.format.ReadOptions"] = format_options "read",
    ["awork.format.WriteOptions"] = format_options "write",
    ["awork.sandbox.Options"] = union(keys_in("lua/awork/sandbox/commands.lua", "OPTIONS"),
      keys_in("lua/awork/sandbox/init.lua", "LOCAL_OPTIONS")),
  }
end

--- class -> option -> its default as it stands in the documentation, where the module states it.
function exports.defaults()
  local options = {}
  for _, option in ipairs(require "awork.options".list) do
    local default = option.default
    if option.name == "max_body" then
      default = "16 MiB"
    elseif option.name == "max_headers" then
      default = "64 KiB"
    elseif default == nil then
      goto continue
    elseif type(default) == "number" then
      default = ("%s%s"):format(default, option.unit == "seconds" and default ~= 0 and " s" or "")
    else
      default = type(default) == "string" and ('`"%s"`'):format(default) or ("`%s`"):format(default)
    end
    options[option.name] = default
    ::continue::
  end
  return { ["awork.ClientOptions"] = options }
end

return exports
