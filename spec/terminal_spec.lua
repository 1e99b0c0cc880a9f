-- What the command line needs of C: secrets from private files, terminals, signals.
local core = require "awork.core"
local posix = require "awork.posix"

describe("awork.core", function()
  it("reads a secret from a file that nobody else may read", function()
    local name = os.tmpname()
    finally(function() os.remove(name) end)
    assert(posix.write_file(name, "secret\0\n"))
    assert.equal("secret\0\n", posix.read_private(name))
    assert(posix.write_file(name, ("x"):rep(16 * 1024)))
    assert.equal(16 * 1024, #posix.read_private(name))
    assert(posix.write_file(name, ("x"):rep(16 * 1024 + 1)))
    local text, message = posix.read_private(name)
    assert.same({ nil, name .. ": File too large" }, { text, message })
    text, message = posix.read_private(name .. "/absent")
    assert.same({ nil, name .. "/absent: Not a directory" }, { text, message })
    assert(posix.write_file(name, "secret"))
    assert(os.execute(("chmod 644 '%s'"):format(name)))
    text, message = posix.read_private(name)
    assert.is_nil(text)
    assert.matches("^/.*: others than its owner may read or write it %(mode 0644%): chmod 600 it$", message)
    for _, bad in ipairs { "", "a\0b", 7, true } do
      assert.has_error(function() posix.read_private(bad) end)
    end
  end)

  it("knows a terminal when it sees one", function()
    assert.equal("boolean", type(posix.isatty(0)))
    assert.is_false(posix.isatty(1 << 19))
    assert.is_nil(posix.terminal_width(1 << 19))
    for _, bad in ipairs { -1, 1 << 40, 1.5, "x" } do
      assert.has_error(function() posix.isatty(bad) end)
      assert.has_error(function() posix.terminal_width(bad) end)
    end
  end)

  it("has one holder of signals at a time, who gives them back", function()
    local signals = assert(posix.catch_signals())
    assert.is_nil(signals:pending())
    local other, message = posix.catch_signals()
    assert.is_nil(other)
    assert.matches("busy", message)
    collectgarbage() -- the one that holds nothing restores nothing
    assert.is_nil((posix.catch_signals()))
    signals:close()
    signals:close()
    assert.is_nil(signals:pending())
    do
      local again <close> = assert(posix.catch_signals())
      assert.is_nil(again:pending())
    end
    assert(posix.catch_signals())
    collectgarbage()
    collectgarbage()
    assert(posix.catch_signals()):close()
    assert.has_error(function() signals.pending {} end)
  end)

  it("shows others' text so that it steers no terminal and hides nothing", function()
    for text, shown in pairs {
      ["plain  text "] = "plain  text ", [""] = "",
      ["Zoë 株式会社 👩‍👩‍👧 می‌خواهم e\u{301}"] = "Zoë 株式会社 👩‍👩‍👧 می‌خواهم e\u{301}",
      ["\27[2J\r\n\t\0\127"] = [[\x1B[2J\r\n\t\x00\x7F]],
      ["\x9B2J"] = [[\x9B2J]], ["\u{9B}2J\u{80}\u{9F}\u{A0}"] = "\\u{9B}2J\\u{80}\\u{9F}\u{A0}",
      ["a\u{202E}b\u{2066}c\u{200E}d\u{61C}e\u{2028}f\u{2029}"] =
        [[a\u{202E}b\u{2066}c\u{200E}d\u{61C}e\u{2028}f\u{2029}]],
      ["pay\u{200B}pal\u{FEFF}\u{E0041}"] = [[pay\u{200B}pal\u{FEFF}\u{E0041}]],
      ["\xC3\xC0\x9B\xED\xA0\x80\xF4\x90\x80\x80"] = [[\xC3\xC0\x9B\xED\xA0\x80\xF4\x90\x80\x80]],
      [("x"):rep(9) .. "\xE2\x80"] = ("x"):rep(9) .. [[\xE2\x80]],
    } do
      assert.equal(shown, core.visible(text))
      assert.equal(shown, core.visible(shown))
    end
    assert.equal("a\nb\\x0B\n\t\\r", core.visible("a\nb\v\n\t\r", "lines"))
    local json = '["\u{9B}\127\u{202E}\u{E0041}\\\\u{9B} \u{1F600}"\n]'
    assert.equal([==[["\u009B\u007F\u202E\uDB40\uDC41\\u{9B} ]==] .. "\u{1F600}\"\n]", core.visible(json, "json"))
    assert.same(core.decode(json), core.decode(core.visible(json, "json")))
    assert.has_error(function() core.visible("", "bold") end)
    for cp = 0, 0x10FFFF do
      if cp < 0x3000 or cp % 0x1000 < 8 then
        local text = utf8.char(cp)
        local got = core.visible(text)
        assert(utf8.len(got) or (cp >= 0xD800 and cp < 0xE000))
        assert(got == text or got:find "^\\[\\%w{}]+$", cp)
      end
    end
    assert.has_error(function() core.visible() end)
  end)
end)
