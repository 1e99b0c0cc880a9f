-- What packagers and hosts rely on: the tree that `make install` makes, the symbols, what `require` touches.

local function read(command)
  local pipe = assert(io.popen("{ " .. command .. "\n} 2>&1"))
  local out = pipe:read "a"
  local ok = pipe:close()
  return out, ok
end

local function lua(code, env)
  return read(("cd / && env %s lua5.4 -e '%s'"):format(env, code))
end

describe("packaging #process", function()
  local top = read("pwd"):gsub("\n$", "")

  it("exports what awork.h declares, and the luaopen function of the sandbox; nothing else", function()
    local function symbols(file)
      local out, ok = read("nm -D --defined-only " .. file)
      assert.is_truthy(ok, out)
      local names = {}
      for name in out:gmatch "%x+ %u (%S+)" do names[#names + 1] = name end
      table.sort(names)
      return names
    end
    local declared = {}
    for line in io.lines "src/awork.h" do
      declared[#declared + 1] = line:match "^AWORK_API .-([%w_]+)%("
    end
    table.sort(declared)
    assert.same(declared, symbols "build/awork/core.so")
    assert.same({ "luaopen_awork_posix" }, symbols "build/awork/posix.so")
    assert.same({ "luaopen_awork_sandbox_core" }, symbols "build/awork/sandbox/core.so")
  end)

  it("says version mismatch in a Lua of another version, and does nothing else there", function()
    local dir = read("mktemp -d"):gsub("\n$", "")
    local out = read(([[
      printf '#include <lua.h>\n#undef LUA_VERSION_NUM\n#define LUA_VERSION_NUM 505\n' > %s/other.h
      cc -std=c11 -fPIC -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE $(pkg-config --cflags lua5.4 libcurl) \
        -include %s/other.h -c -o %s/core.o src/lua/core.c &&
      mkdir %s/awork &&
      cc -shared -o %s/awork/core.so %s/core.o build/obj/src/contact/*.o build/obj/src/http/*.o \
        $(ls build/obj/src/lua/*.o | grep -v lua/core.o) \
        $(pkg-config --libs libcurl) -lm -pthread &&
      LUA_CPATH=%s/'?.so' lua5.4 -e 'print(pcall(require, "awork.core"))'
    ]]):gsub("%%s", dir))
    os.execute(("rm -r '%s'"):format(dir))
    assert.matches("^false%s+version mismatch", out)
  end)

  it("leaves the global table alone, and may be loaded twice in a state", function()
    local out = lua([[
      local before = {}
      for name in pairs(_G) do before[name] = true end
      for _ = 1, 2 do
        local awork = require "awork"
        assert(type(awork) == "table")
        for name in pairs(package.loaded) do
          if name:find "^awork" then package.loaded[name] = nil end
        end
      end
      for name in pairs(_G) do assert(before[name], name) end
      io.write "ok"
    ]], ('LUA_PATH="%s/lua/?.lua;%s/lua/?/init.lua" LUA_CPATH="%s/%s/?.so;;"'):format(top, top, top, "build"))
    assert.equal("ok", out)
  end)

  describe("make install", function()
    local tree = os.tmpname()
    os.remove(tree)
    local prefix = tree .. "/opt/awork"
    local make = ("env -u MAKEFLAGS make -s --no-print-directory %%s BUILD=build DESTDIR=%s PREFIX=/opt/awork")
      :format(tree)

    teardown(function()
      os.execute(("rm -rf '%s'"):format(tree))
    end)

    it("makes a tree from which the module loads, from anywhere", function()
      local out, ok = read(make:format "install")
      assert.is_truthy(ok, out)
      out = lua([[
        local awork = require "awork"

        io.write(package.searchpath("awork", package.path), " ", package.searchpath("awork.core", package.cpath))
      ]], ('LUA_PATH="%s/share/lua/5.4/?.lua;%s/share/lua/5.4/?/init.lua" LUA_CPATH="%s/lib/lua/5.4/?.so;;"')
        :format(prefix, prefix, prefix))
      assert.equal(("%s/share/lua/5.4/awork/init.lua %s/lib/lua/5.4/awork/core.so"):format(prefix, prefix), out)
      for _, file in ipairs { "include/awork.h", "lib/libawork.a", "lib/pkgconfig/awork.pc", "bin/awork-contacts",
        "share/man/man1/awork-contacts.1", "share/awork/types/awork.lua",
        "share/bash-completion/completions/awork-contacts", "share/zsh/site-functions/_awork-contacts",
        "share/fish/vendor_completions.d/awork-contacts.fish" } do
        local there = assert(io.open(prefix .. "/" .. file))
        there:close()
      end
    end)

    it("puts every Lua file of the tree there", function()
      assert.equal(read "cd lua && find awork -name '*.lua' | LC_ALL=C sort",
        (read(("cd %s/share/lua/5.4 && find awork -name '*.lua' | LC_ALL=C sort"):format(prefix))))
    end)

    it("makes a command that finds its modules, with its manual page and completions", function()
      local command = ("cd / && env -u LUA_PATH -u LUA_CPATH %s/bin/awork-contacts "):format(prefix)
      assert.matches("^phone +work", (read(command .. "types")))
      local out, ok = read(command .. "validate " .. top .. "/examples/data/people.json")
      assert.is_truthy(ok, out)
      for _, file in ipairs { "man/man1/awork-contacts.1", "bash-completion/completions/awork-contacts",
        "zsh/site-functions/_awork-contacts", "fish/vendor_completions.d/awork-contacts.fish" } do
        assert(io.open(prefix .. "/share/" .. file), file):close()
      end
    end)

    it("lets a C host link the module in, with what pkg-config says", function()
      local source = tree .. "/host.c"
      local file = assert(io.open(source, "w"))
      file:write [[
        #include <awork.h>
        #include <lauxlib.h>
        #include <lualib.h>

        int main(void)
        {
            lua_State *L = luaL_newstate();
            luaL_openlibs(L);
            luaL_requiref(L, "awork.core", luaopen_awork_core, 0);
            int failed = luaL_dostring(L, "assert(require 'awork.core'.validate { type = 'phone' })");
            lua_close(L);
            return failed;
        }
      ]]
      file:close()
      local out, ok = read(([[
        export PKG_CONFIG_PATH=%s/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=%s
        cc -o %s/host %s $(pkg-config --cflags --libs awork | sed 's,%s/usr,/usr,g') && %s/host
      ]]):format(prefix, tree, tree, source, tree, tree))
      assert.is_truthy(ok, out)
      assert.equal("", out)
    end)

    it("is undone by make uninstall", function()
      local out, ok = read(make:format "uninstall")
      assert.is_truthy(ok, out)
      assert.equal("", (read(("find %s -type f"):format(prefix))))
    end)
  end)
end)
