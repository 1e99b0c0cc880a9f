-- Ten thousand people in 64 MiB: a child plans, so that its memory is its own.
local posix = require "awork.posix"

local dir = os.tmpname()
os.remove(dir)
assert(posix.make_dirs(dir))

local CHILD = [=[
local awork = require "awork"
local client = assert(awork.client { base_url = arg[1], token = arg[2], rate = false })
-- What should be there is written down beforehand, as a file of people would be.
local lines = assert(io.open(arg[3]))
local desired = {}
for line in lines:lines() do
  local id, kind, subtype, value = line:match "^(%S+) (%S+) (%S+) (.*)$"
  local last = desired[#desired]
  if not last or last.user ~= id then
    last = { user = id, contact_infos = {}, source = { row = #desired + 2 } }
    desired[#desired + 1] = last
  end
  table.insert(last.contact_infos, { type = kind, subType = subtype, value = value })
end
lines:close()
local plan = assert(client:plan(desired, { prune = true, only = { "phone", "email", "urls" } }))
print(#plan.changes, plan.summary.keep, plan.summary.matched)
local status = assert(io.open "/proc/self/status")
print(status:read "a":match "VmHWM:%s*(%d+)")
]=]

describe("a plan for ten thousand people #process", function()
  it("takes ten requests, no writes and less than 64 MiB", function()
    local sandbox <close> = assert(require "awork.sandbox".start { users = 10000, contact_infos_per_user = 4,
      rate_limit = false })
    local file = assert(io.open(dir .. "/desired", "w"))
    local infos = 0
    for _, user in ipairs(sandbox.state().users) do
      for _, info in ipairs(user.userContactInfos) do
        if info.value then
          infos = infos + 1
          file:write(("%s %s %s %s\n"):format(user.id, info.type, info.subType, info.value))
        end
      end
    end
    file:close()
    file = assert(io.open(dir .. "/child.lua", "w"))
    file:write(CHILD)
    file:close()
    sandbox.clear_requests()
    local pipe = assert(io.popen(("LUA_PATH='%s' LUA_CPATH='%s' lua5.4 %s/child.lua '%s' '%s' %s/desired 2>&1"):format(
      package.path, package.cpath, dir, sandbox.url, sandbox.token, dir)))
    local out = pipe:read "a"
    pipe:close()
    os.execute("rm -rf '" .. dir .. "'")
    local changes, keep, matched, kib = out:match "^(%d+)\t(%d+)\t(%d+)\n(%d+)\n$"
    assert.is_truthy(kib, out)
    assert.equal(0, tonumber(changes))
    assert.equal(infos, tonumber(keep))
    assert.equal(10000, tonumber(matched))
    local requests = sandbox.requests()
    assert.equal(12, #requests) -- the workspace, API users, and a thousand users each
    for _, request in ipairs(requests) do
      assert.equal("GET", request.method)
    end
    assert.is_true(tonumber(kib) < 64 * 1024, kib .. " KiB")
  end)
end)
