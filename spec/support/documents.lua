--- The code blocks of a Markdown file, and a way to run the Lua ones against a sandbox.
--
-- A block of ```lua is run; ```lua fragment is only compiled (it speaks of things the reader has to fill in).
-- What a block prints is compared with its `--> text` comments, in order; "..." in such a text stands for anything.
local awork = require "awork"

local documents = {}

--- The fenced blocks of a file: { language=, words= (what follows the language), line= (of its first line), text= }.
---@param path string
---@return table[]
function documents.blocks(path)
  local list, block = {}, nil
  local number = 0
  for line in io.lines(path) do
    number = number + 1
    local fence = line:match "^%s*```(.*)$"
    if fence and not block then
      local language, words = fence:match "^(%S*)%s*(.-)%s*$"
      block = { language = language, words = words, line = number + 1, path = path }
    elseif fence then
      block.text = table.concat(block, "\n") .. "\n"
      list[#list + 1], block = block, nil
    elseif block then
      block[#block + 1] = line
    end
  end
  assert(not block, path .. ": a code block is not closed")
  return list
end

-- What blocks write, each by its name alone.
local WRITTEN = { ["undo.jsonl"] = true, ["plan.json"] = true }

local function compile(block, env, directory)
  local text = block.text:gsub('"([%w.]+)"', function(name)
    return WRITTEN[name] and ("%q"):format(directory .. "/" .. name) or nil
  end)
  return assert(load(("\n"):rep(block.line - 1) .. text, "@" .. block.path, "t", env))
end

--- Compiles a Lua block.
function documents.compile(block)
  compile(block, {}, "")
end

-- "id 12..." as a Lua pattern; white space is as good as any other.
local function pattern(text)
  return "^" .. text:gsub("%p", "%%%0"):gsub("%%%.%%%.%%%.", ".*"):gsub("%s+", "%%s+") .. "$"
end

local function expected(block)
  local list = {}
  for text in block.text:gmatch "%-%->[ ]?([^\n]*)" do
    list[#list + 1] = (text:gsub("%s+$", ""))
  end
  return list
end

--- What the blocks of one document share: the globals, and `require`, `os.getenv` and `awork.client` that lead to
--- the sandbox `server` instead of awork.
---@param server table a sandbox's handle
---@param more? table further globals
---@return table env, function close closes the clients that the blocks made
function documents.environment(server, more)
  local open = {}
  local function client(options)
    local copy = {}
    for key, value in pairs(options) do copy[key] = value end
    copy.base_url = copy.base_url or server.url
    local made, err = awork.client(copy)
    open[#open + 1] = made
    return made, err
  end
  local module = setmetatable({ client = client }, { __index = awork })
  local variables = { AWORK_TOKEN = server.token, AWORK_BASE_URL = server.url }
  local env = {
    awork = module, server = server,
    user_id = server.user_ids[1], company_id = server.company_ids[1],
    require = function(name) return name == "awork" and module or require(name) end,
    os = setmetatable({ getenv = function(name) return variables[name] or os.getenv(name) end }, { __index = os }),
  }
  env.client = client { token = server.token }
  for key, value in pairs(more or {}) do env[key] = value end
  setmetatable(env, { __index = _G })
  return env, function()
    for _, each in ipairs(open) do each:close() end
  end
end

--- Runs a Lua block and compares what it prints with what it says it prints.
---@param block table
---@param env table of `documents.environment`
---@param directory string where the files go that it writes
function documents.run(block, env, directory)
  local out = {}
  rawset(env, "print", function(...)
    local list = table.pack(...)
    for i = 1, list.n do list[i] = tostring(list[i]) end
    for line in (table.concat(list, "\t") .. "\n"):gmatch "([^\n]*)\n" do out[#out + 1] = line end
  end)
  compile(block, env, directory)()
  local want = expected(block)
  if #want == 0 then return end
  local where = ("%s:%d: prints\n%s"):format(block.path, block.line, table.concat(out, "\n"))
  assert(#want == #out, ("%s\n%d lines, but says %d"):format(where, #out, #want))
  for i, text in ipairs(want) do
    assert(out[i]:gsub("%s+$", ""):find(pattern(text)), ("%s\nand says in place of line %d\n%s"):format(where, i, text))
  end
end

-- A line of what a command prints, as a pattern: "..." stands for anything.
local function line_pattern(text)
  return "^" .. text:gsub("%p", "%%%0"):gsub("%%%.%%%.%%%.", ".*") .. "$"
end

--- Runs the commands of a ```console block (`$ command`, then what it prints) one after another in one shell, and
--- compares. `awork-contacts` is that of this tree; it runs in `directory`, shown as /home/ada.
---@param block table
---@param server table a sandbox's handle
---@param directory string where they run
function documents.console(block, server, directory)
  local commands = {}
  for line in block.text:gmatch "([^\n]*)\n" do
    local command = line:match "^%$ (.*)$"
    if command then
      commands[#commands + 1] = { text = command }
    else
      table.insert(assert(commands[#commands], "a console block begins with a command"), line)
    end
  end
  local top = assert(io.popen "pwd"):read "l"
  local script = { ("export AWORK_BASE_URL=%s AWORK_TOKEN=%s HOME=%s PATH=%s/bin:$PATH; unset XDG_STATE_HOME; cd ~")
    :format(server.url, server.token, directory, top) }
  for i, command in ipairs(commands) do
    -- $? is that of the command before.
    script[#script + 1] = ("(exit ${code:-0}); %s\ncode=$?; echo '@@%d'"):format(command.text, i)
  end
  local name = os.tmpname()
  local file = assert(io.open(name, "w"))
  assert(file:write(table.concat(script, "\n"), "\n"))
  file:close()
  local pipe = assert(io.popen(("bash %s 2>&1 </dev/null"):format(name)))
  local at, number = 1, 0
  local got = {}
  for line in pipe:lines() do
    if line == "@@" .. at then
      local where = ("%s:%d: $ %s\n%s"):format(block.path, block.line, commands[at].text, table.concat(got, "\n"))
      assert(#got == #commands[at], where .. "\nhas another number of lines")
      for i, text in ipairs(got) do
        assert(text:find(line_pattern(commands[at][i])), where .. "\nand says\n" .. commands[at][i])
      end
      at, number, got = at + 1, number + #got, {}
    else
      got[#got + 1] = line:gsub(directory, "/home/ada", 1)
    end
  end
  pipe:close()
  os.remove(name)
  assert(at == #commands + 1 and number > 0, block.path .. ": not all commands ran: " .. table.concat(got, "\n"))
end

return documents
