-- What the command line needs of C: secrets from private files, terminals, signals.
local core = require "awork.core"

describe("awork.core", function()
  it("reads a secret from a file that nobody else may read", function()
    local name = os.tmpname()
    finally(function() os.remove(name) end)
    assert(core.write_file(name, "secret\0\n"))
    assert.equal("secret\0\n", core.read_private(name))
    assert(core.write_file(name, ("x"):rep(16 * 1024)))
    assert.equal(16 * 1024, #core.read_private(name))
    assert(core.write_file(name, ("x"):rep(16 * 1024 + 1)))
    local text, message = core.read_private(name)
    assert.same({ nil, name .. ": File too large" }, { text, message })
    text, message = core.read_private(name .. "/absent")
    assert.same({ nil, name .. "/absent: Not a directory" }, { text, message })
    assert(core.write_file(name, "secret"))
    assert(os.execute(("chmod 644 '%s'"):format(name)))
    text, message = core.read_private(name)
    assert.is_nil(text)
    assert.matches("^/.*: others than its owner may read or write it %(mode 0644%): chmod 600 it$", message)
    for _, bad in ipairs { "", "a\0b", 7, true } do
      assert.has_error(function() core.read_private(bad) end)
    end
  end)

  it("knows a terminal when it sees one", function()
    assert.equal("boolean", type(core.isatty(0)))
    assert.is_false(core.isatty(1 << 19))
    assert.is_nil(core.terminal_width(1 << 19))
    for _, bad in ipairs { -1, 1 << 40, 1.5, "x" } do
      assert.has_error(function() core.isatty(bad) end)
      assert.has_error(function() core.terminal_width(bad) end)
    end
  end)

  it("has one holder of signals at a time, who gives them back", function()
    local signals = assert(core.catch_signals())
    assert.is_nil(signals:pending())
    local other, message = core.catch_signals()
    assert.is_nil(other)
    assert.matches("busy", message)
    collectgarbage() -- the one that holds nothing restores nothing
    assert.is_nil((core.catch_signals()))
    signals:close()
    signals:close()
    assert.is_nil(signals:pending())
    do
      local again <close> = assert(core.catch_signals())
      assert.is_nil(again:pending())
    end
    assert(core.catch_signals())
    collectgarbage()
    collectgarbage()
    assert(core.catch_signals()):close()
    assert.has_error(function() signals.pending {} end)
  end)
end)
