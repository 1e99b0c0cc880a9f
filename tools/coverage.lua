-- coverage.lua BUILD HITS MINIMUM: one table of the lines of C (gcov's counts in BUILD) and of Lua (luacov.c's in
-- HITS) that the tests reached. The lines they did not reach go to build/log/coverage-missing.txt. Fails when less
-- than MINIMUM percent of either language ran.
local build, hits, minimum = arg[1], arg[2], tonumber(arg[3])
local files = {} -- path -> { [line] = ran or not }

local function lines_of(command)
  return assert(io.popen(command)):lines()
end

for object in lines_of(("find %s/obj/src -name '*.gcno' | LC_ALL=C sort"):format(build)) do
  local path
  for line in lines_of(("gcov -t -m %s 2>/dev/null"):format(object)) do
    local count, number, text = line:match "^%s*([^:]+):%s*(%d+):(.*)$"
    if number == "0" then
      path = text:match "^Source:(.*)$" or path
    elseif count and count ~= "-" and path:find "^src/.*%.c$" then
      files[path] = files[path] or {}
      local n = tonumber(number)
      files[path][n] = files[path][n] or not count:find "[#=]"
    end
  end
end

-- The lines of a Lua file that have code: those luac lists, without the ones that are only `end`, `else` or brackets
-- (the return at a function's `end` cannot be reached when another stands before it).
for path in lines_of "find lua/awork -name '*.lua' | LC_ALL=C sort" do
  local text, set = {}, {}
  for line in io.lines(path) do text[#text + 1] = line end
  for line in lines_of(("luac5.4 -p -l %s"):format(path)) do
    local number, op = line:match "^%s*%d+%s+%[(%d+)%]%s+(%u+)"
    local code = number and text[tonumber(number)]
    if code and op ~= "VARARGPREP" then
      code = code:gsub("%-%-.*$", ""):gsub("%f[%w_]end%f[^%w_]", ""):gsub("%f[%w_]else%f[^%w_]", "")
      if code:find "%w" then set[tonumber(number)] = false end
    end
  end
  files[path] = set
end
for line in lines_of(("cat %s/* 2>/dev/null"):format(hits)) do
  local path, number = line:match "^(%S+) (%d+)$"
  local n = tonumber(number)
  if files[path] and files[path][n] ~= nil then files[path][n] = true end
end

local names = {}
for path in pairs(files) do names[#names + 1] = path end
table.sort(names)
local missing = assert(io.open("build/log/coverage-missing.txt", "w"))
local sums, enough = {}, true
local function row(name, ran, all)
  print(("%-44s %6d %6d  %5.1f %%"):format(name, ran, all, all == 0 and 100 or 100 * ran / all))
end
print(("%-44s %6s %6s"):format("file", "ran", "lines"))
for _, path in ipairs(names) do
  local ran, all, gaps = 0, 0, {}
  for n, yes in pairs(files[path]) do
    all = all + 1
    if yes then ran = ran + 1 else gaps[#gaps + 1] = n end
  end
  table.sort(gaps)
  for i, n in ipairs(gaps) do gaps[i] = ("%d"):format(n) end
  if #gaps > 0 then missing:write(path, ": ", table.concat(gaps, " "), "\n") end
  row(path, ran, all)
  local sum = path:match "%.c$" and "C" or "Lua"
  sums[sum] = sums[sum] or { 0, 0 }
  sums[sum][1], sums[sum][2] = sums[sum][1] + ran, sums[sum][2] + all
end
missing:close()
for _, language in ipairs { "C", "Lua" } do
  local sum = sums[language] or { 0, 0 }
  row("all " .. language, sum[1], sum[2])
  enough = enough and 100 * sum[1] >= minimum * sum[2]
end
if not enough then print(("less than %d %% of the lines ran; see build/log/coverage-missing.txt"):format(minimum)) end
os.exit(enough, true)
