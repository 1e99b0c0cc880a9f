-- A host may have set any locale for its process: ASCII's case and decimal points are ours.
-- These run whole under each; others ask the locale themselves.
local SPECS = { "desired_normalise", "error", "client", "hooks", "format_csv_people" }

-- In the first, case and punctuation of single bytes beyond ASCII, a lower case i without a dot and a decimal comma; in
-- the second, nearly every byte beyond ASCII is a letter.
local LOCALES = { { "tr_TR", "ISO-8859-9" }, { "ru_RU", "CP1251" } }

describe("in a host with a locale #process", function()
  local root

  setup(function()
    root = os.tmpname()
    os.remove(root)
    os.execute(("mkdir '%s'"):format(root))
  end)

  teardown(function()
    os.execute(("rm -rf '%s'"):format(root))
  end)

  -- Runs Lua's command line in a locale; its output and whether it ended well, or nothing where there is none.
  local function under(locale, arguments)
    local name = table.concat(locale, ".")
    local made = os.execute(("localedef -i %s -f %s '%s/%s' >/dev/null 2>&1"):format(locale[1], locale[2], root, name))
    if not made then
      return nil
    end
    local pipe = assert(io.popen(("LOCPATH='%s' lua5.4 -e 'assert(os.setlocale \"%s\")' %s 2>&1"):format(root, name,
      arguments)))
    local out = pipe:read "a"
    return out, (pipe:close())
  end

  for _, locale in ipairs(LOCALES) do
    it(("of %s in %s, all is as without one"):format(locale[1], locale[2]), function()
      local files = {}
      for i, name in ipairs(SPECS) do
        files[i] = ("spec/%s_spec.lua"):format(name)
      end
      local out, ended = under(locale, "$(command -v busted) -o TAP " .. table.concat(files, " "))
      if not out then
        return pending "localedef makes none here"
      end
      assert(ended, out)
      assert.matches("\nok 40 ", out)
    end)
  end

  -- The sandbox's state has case functions of its own.
  it("no pattern and no case of ours asks it", function()
    local pipe = assert(io.popen "find lua/awork bin -name '*.lua' -o -name awork-contacts")
    local count = 0
    for path in pipe:lines() do
      local file = assert(io.open(path))
      local number = 0
      for line in file:lines() do
        number = number + 1
        local code = line:gsub("^%s*%-%-.*", ""):gsub("%-%- .*$", ""):gsub("%%%%", "")
        count = count + 1
        -- "%p" of a format is an address.
        assert(not code:find "%%[aclpuwACLPUW]" or code:find "[\"']%)?:format", path .. ":" .. number .. ": " .. code)
        assert(path:find("/sandbox/", 1, true) or not (code:find ":lower%(%)" or code:find ":upper%(%)"
          or code:find "string%.lower" or code:find "string%.upper"), path .. ":" .. number .. ": " .. code)
      end
      file:close()
    end
    pipe:close()
    assert(count > 10000)
  end)

  it("numbers and words from elsewhere are read and written with a point", function()
    local out, ended = under(LOCALES[1], [[-e '
      assert(tostring(1.5) == "1,5" and ("I"):lower() ~= "i") -- else there is nothing to see here
      local core, line = require "awork.core", require "awork.cli.progress".line
      assert(core.lower "I\u{C4}Z" == "i\u{C4}z" and core.upper "i\u{E4}z" == "I\u{E4}Z")
      assert(core.encode { 1.5 } == "[1.5]" and core.decode "[1.5]"[1] == 1.5 and not core.decode "[1,5,]")
      assert(line("Applying", 3, 9, 2, 80):find(" 1.5/s", 1, true))
      assert(require "awork.cli.parser".parse { "check", "--timeout", "1.5" }.timeout == 1.5)
      assert(not require "awork.cli.parser".parse { "check", "--timeout", "1,5" })
      local _, odd = core.validate { type = "phone", subType = "work", value = "+49 30 1", [0.5] = 1, [7] = 1 }
      assert(odd.violations[1].property == "[0.5]" and odd.violations[2].property == "[7]", odd.violations[1].property)
      local format, awork = require "awork.format", require "awork"
      for _, text in ipairs {
        "begin:vcard\nversion:3.0\nn:\u{130}I;\u{C4}\nitem1.email;type=internet,work:i@x.de\nend:vcard\n",
        "[{\"ID\":\"i@x.de\",\"NAME\":{\"FAMILYNAME\":\"\u{130}I\",\"GIVENNAME\":\"\u{C4}\"},"
          .. "\"EMAILS\":[{\"VALUE\":\"i@x.de\",\"TYPE\":\"WORK\"}],\"USERNAME\":\"i@x.de\"}]" } do
        local read = format.read(function() local piece = text text = nil return piece end,
          { format = text:find "^b" and "vcard" or "scim" })
        local person, err = read()
        assert(person, err)
        assert(person.lastName == "\u{130}I" and person.firstName == "\u{C4}", person.lastName)
        assert(person.contact_infos[1] and person.contact_infos[1].subType == "work" or person.user == "i@x.de")
      end
      assert(awork.validate { type = "PHONE", subType = "WORK", value = "+49 30 1" } == nil)
      local err = select(2, awork.validate { type = "EMAIL", subType = "PRIVATE", value = "i@x.de" })
      assert(tostring(err):find("email", 1, true), tostring(err))
    ' /dev/null]])
    if not out then
      return pending "localedef makes none here"
    end
    assert(ended, out)
  end)
end)
