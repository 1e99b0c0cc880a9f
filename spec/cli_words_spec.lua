-- On the command line, messages name options of the command line, never of Lua.
local client_options = require "awork.options"
local output = require "awork.cli.output"

-- Options of Lua by their names, and words that are no option's in a sentence.
local function option_names()
  local names = { ignore_columns = true, delete_limit = true, default_country = true, journal_dir = true, lock = true,
    partial = true, pageSize = true }
  for _, option in ipairs(client_options.list) do
    names[option.name] = option.name:find "_" ~= nil
  end
  names.token = nil
  return names
end

-- What only a program in Lua can do wrong, and what is no sentence for people.
local NOT_FOR_PEOPLE = { "bad argument", "bad option", "unknown option", "must be a name", "request field",
  "option '%%s'",
  "option '[a-z_]+'", "must be from 1 to", "must be 0 to", "did you mean", "awork.oauth", "^encoding name user" }

local function for_people(text)
  for _, pattern in ipairs(NOT_FOR_PEOPLE) do
    if text:find(pattern) then return false end
  end
  return text:find "[a-z] [a-z]" ~= nil
end

describe("words of the command line", function()
  it("are those of its own options, in every sentence of the library that names one", function()
    local names, seen = option_names(), 0
    local pipe = assert(io.popen("ls lua/awork/*.lua lua/awork/desired/*.lua lua/awork/format/*.lua "
      .. "src/contact/*.[ch] src/http/*.[ch] src/posix/*.[ch] src/lua/*.c"))
    for path in pipe:lines() do
      local file = assert(io.open(path))
      local text = file:read "a":gsub("%-%-[^\n]*", ""):gsub("/%*.-%*/", ""):gsub('"%s*%.%.%s*"', "")
      file:close()
      if path ~= "lua/awork/options.lua" then -- the options' own descriptions
        for literal in text:gmatch '"([^"\n]*)"' do
          if for_people(literal) then
            local worded = output.worded((literal:gsub("%%[dqI]", { ["%d"] = "5", ["%I"] = "5", ["%q"] = '"x"' })))
            for name in pairs(names) do
              if names[name] and literal:find("%f[%w_]" .. name .. "%f[^%w_]") then
                seen = seen + 1
                local left = worded:gsub("%-%-[a-z-]+", "")
                assert(not left:find("%f[%w_]" .. name .. "%f[^%w_]") or left:find "a lock" or left:find "its lock"
                  or left:find "lock can be", path .. ": " .. worded)
              end
            end
          end
        end
      end
    end
    pipe:close()
    assert(seen >= 8, seen)
  end)

  it("take no more than linear time, and leave alone what they don't know", function()
    local text = ('ignore_columns = { "columns = { [\''):rep(20000)
    assert.equal(text, output.worded(text))
    assert.equal("set delete_limit high", output.worded "set delete_limit high")
    assert.equal("--ignore-column 'a b'; --column 'Haus Nr=address:work'",
      output.worded [[ignore_columns = { "a b" }; columns = { ['Haus Nr'] = 'address:work' }]])
  end)
end)
