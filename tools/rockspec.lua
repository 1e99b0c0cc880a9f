-- rockspec.lua [--write]: do the rockspecs name every C file and every Lua module of the tree, and nothing else?
-- With --write, makes it so.
local rocks = {
  {
    file = "awork-scm-1.rockspec",
    lua = "find lua/awork -name '*.lua' -not -path 'lua/awork/sandbox/*'",
    c = {
      { "awork.core", sources = "ls src/contact/*.c src/http/*.c src/lua/*.c", external = { "CURL" },
        libraries = { "curl", "m", "pthread" } },
      { "awork.posix", sources = "ls src/posix/*.c", external = {}, libraries = { "pthread" } },
    },
  },
  {
    file = "awork-sandbox-scm-1.rockspec",
    lua = "find lua/awork/sandbox -name '*.lua'",
    c = {
      { "awork.sandbox.core", sources = "ls src/sandbox/*.c", external = { "GNUTLS", "MICROHTTPD" },
        libraries = { "microhttpd", "gnutls", "m", "pthread" } },
    },
  },
}

local function lines(command)
  local list = {}
  local pipe = assert(io.popen(command .. " 2>/dev/null"))
  for line in pipe:lines() do list[#list + 1] = line end
  pipe:close()
  table.sort(list)
  return list
end

local function quoted(list, format)
  local out = {}
  for i, item in ipairs(list) do out[i] = (format or '"%s"'):format(item) end
  return table.concat(out, ", ")
end

-- The `modules` table of a rockspec, as the tree has it.
local function modules(rock)
  local out = {}
  local function add(...) out[#out + 1] = string.format(...) end
  add "  modules = {"
  local names = {}
  for _, path in ipairs(lines(rock.lua)) do
    local name = path:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", ".")
    names[#names + 1] = { name, path }
  end
  table.sort(names, function(a, b) return a[1] < b[1] end)
  for _, pair in ipairs(names) do add('    ["%s"] = "%s",', pair[1], pair[2]) end
  for _, module in ipairs(rock.c) do
    add('    ["%s"] = {', module[1])
    add "      sources = {"
    for _, path in ipairs(lines(module.sources)) do add('        "%s",', path) end
    add "      },"
    add '      defines = { "_POSIX_C_SOURCE=200809L", "_DEFAULT_SOURCE" },'
    if module.external[1] then
      add("      incdirs = { %s },", quoted(module.external, '"$(%s_INCDIR)"'))
      add("      libdirs = { %s },", quoted(module.external, '"$(%s_LIBDIR)"'))
    end
    add("      libraries = { %s },", quoted(module.libraries))
    add "    },"
  end
  add "  },"
  return table.concat(out, "\n")
end

-- Says which lines of `a` are not in `b`.
local function differ(a, b, what)
  for line in a:gmatch "[^\n]+" do
    if not ("\n" .. b .. "\n"):find("\n" .. line .. "\n", 1, true) then
      io.stderr:write(("%s %s\n"):format(line:match "^%s*(.-),?$", what))
    end
  end
end

local failed = 0
for _, rock in ipairs(rocks) do
  local file = assert(io.open(rock.file))
  local text = file:read "a"
  file:close()
  local from, to = text:find "\n  modules = {.-\n  },\n"
  local want = modules(rock)
  local got = text:sub(from + 1, to - 1)
  if got ~= want then
    if arg[1] == "--write" then
      file = assert(io.open(rock.file, "w"))
      assert(file:write(text:sub(1, from), want, text:sub(to)))
      file:close()
      print(rock.file .. " written")
    else
      failed = failed + 1
      differ(want, got, "is in the tree, not in " .. rock.file)
      differ(got, want, "is not in the tree, but in " .. rock.file)
    end
  end
end
if failed > 0 then io.stderr:write "`lua5.4 tools/rockspec.lua --write` brings the rockspecs up to date\n" end
os.exit(failed == 0, true)
