-- Which lines of lua/awork run. LUA_INIT loads this file into every Lua process of a coverage run; when a state
-- closes it writes what ran there into the directory that AWORK_COVERAGE names, for coverage.lua to read.
local directory = os.getenv "AWORK_COVERAGE"
local ran = {}     -- path in the tree -> set of lines
local sources = {} -- a chunk's name -> its set, or false when it is not ours

local function hook(_, line)
  local source = debug.getinfo(2, "S").source
  local lines = sources[source]
  if lines == nil then
    local path = source:match "^@.*(lua/awork/.*%.lua)$"
    lines = path and (ran[path] or {}) or false
    if path then ran[path] = lines end
    sources[source] = lines
  end
  if lines then lines[line] = true end
end

-- A hook belongs to one coroutine: every new one sets its own when it starts.
local function hooked(make)
  return function(f)
    if type(f) ~= "function" then return make(f) end
    return make(function(...)
      debug.sethook(hook, "l")
      return f(...)
    end)
  end
end

local function write()
  debug.sethook()
  local stat = io.open "/proc/self/stat"
  local pid = stat and stat:read "n" or 0
  if stat then stat:close() end
  local file = assert(io.open(("%s/%d-%s"):format(directory, pid, tostring(ran):match "0x(%x+)"), "a"))
  for path, lines in pairs(ran) do
    for line in pairs(lines) do file:write(path, " ", line, "\n") end
  end
  file:close()
end

if directory then
  coroutine.create = hooked(coroutine.create) -- luacheck: ignore 122
  coroutine.wrap = hooked(coroutine.wrap) -- luacheck: ignore 122
  -- Made first, finalized last. It has to live until then.
  debug.getregistry().luacov = setmetatable({}, { __gc = write })
  debug.sethook(hook, "l")
end
