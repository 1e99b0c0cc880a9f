local plan = require "awork.desired.plan"
local normalise = require "awork.desired.normalise"
local world = require "desired_world"

local STATES = 12000

local function copy(info)
  local c = {}
  for k, v in pairs(info) do
    c[k] = v
  end
  return c
end

local function snapshot(server)
  local users = {}
  for i, user in ipairs(server.users) do
    users[i] = copy(user)
    users[i].userContactInfos = {}
    for j, info in ipairs(user.userContactInfos) do
      users[i].userContactInfos[j] = copy(info)
    end
  end
  return users
end

describe("a plan over random states", function()
  it("leaves nothing to plan once it is applied", function()
    local changed = 0
    for seed = 1, STATES do
      local r = world.random(seed)
      local server = world.server(r)
      world.populate(r, server, r.int(4))
      local desired, opts = world.desired(r, server, seed % 3 == 0), world.options(r)
      local first = plan.compute(snapshot(server), desired, opts)
      changed = changed + (#first.changes > 0 and 1 or 0)
      server.apply(first)
      local second = plan.compute(snapshot(server), desired, opts)
      if #second.changes > 0 then
        local c = second.changes[1]
        error(("seed %d: %s %s %s %s"):format(seed, c.op, c.why, tostring(c.form and c.form.type), tostring(c.form and c.form.value)))
      end
      assert.equal(#first.problems, #second.problems, "seed " .. seed)
    end
    assert.is_true(changed > STATES / 4)
  end)
end)
