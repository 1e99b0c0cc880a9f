-- The pure half of the desired state: properties over random states, and the rules one by one.
local awork = require "awork"
local core = require "awork.core"
local normalise = require "awork.desired.normalise"
local plan = require "awork.desired.plan"
local reconcile = require "awork.desired.reconcile"
local world = require "desired_world"

local STATES, ALL = world.effort(12000)

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

local ID = "71bb54d8-c34d-4bff-b826-ec6c85e7bb0f"
local OTHER = "10e2c468-14d7-473c-9fbc-fd0e1f841063"

local function info(n, fields)
  local made = { id = ("00000000-0000-4000-8000-%012d"):format(n), createdOn = ("2026-01-01T00:00:%02dZ"):format(n),
    updatedOn = ("2026-01-01T00:00:%02dZ"):format(n), isAddress = false }
  for k, v in pairs(fields) do
    made[k] = v
  end
  return made
end

local function user(id, infos, more)
  local made = { id = id, firstName = "Anna", lastName = "Berg", userContactInfos = infos }
  for k, v in pairs(more or {}) do
    made[k] = v
  end
  return made
end

-- "create phone/work +49 30 1; delete …" of a plan
local function brief(p)
  local parts = {}
  for i, c in ipairs(p.changes) do
    local form = c.form or c.before
    parts[i] = ("%s %s%s %s"):format(c.op, form.type, form.subType and "/" .. form.subType or "",
      form.value or form.addressLine1)
  end
  return table.concat(parts, "; ")
end

local function compute(existing, wanted, opts)
  return plan.compute({ user(ID, existing) }, { { user = ID, contact_infos = wanted } }, opts)
end

local WORK = info(1, { type = "phone", subType = "work", value = "+49 30 123" })
local MOBILE = info(2, { type = "phone", subType = "mobile", value = "+49 170 1" })
local MAIL = info(3, { type = "email", subType = "work", value = "Anna@example.org" })
local PRIVATE = info(4, { type = "email", subType = "private", value = "anna@home.example" })
local HOME = info(5, { type = "address", subType = "home", addressLine1 = "Torstr. 1", zipCode = "10119",
  city = "Berlin", country = "DE", addressLine2 = "Hof A", isAddress = true })

describe("random states", function()
  it("have nothing left to plan once the plan is applied", function()
    local changed, ops = 0, { create = 0, update = 0, delete = 0 }
    for seed = 1, STATES do
      local r = world.random(seed)
      local server = world.server(r)
      world.populate(r, server, r.int(4))
      local desired, opts = world.desired(r, server, seed % 3 == 0), world.options(r)
      local first = plan.compute(snapshot(server), desired, opts)
      for _, change in ipairs(first.changes) do
        ops[change.op] = ops[change.op] + 1
      end
      changed = changed + (#first.changes > 0 and 1 or 0)
      server.apply(first)
      local second = plan.compute(snapshot(server), desired, opts)
      if #second.changes > 0 or #second.problems ~= #first.problems then
        error(("seed %d: %s"):format(seed, brief(second)))
      end
    end
    assert.is_true(changed > STATES / 4)
    assert.is_true(not ALL or ops.create > 1000 and ops.update > 1000 and ops.delete > 1000)
  end)

  it("come to the same by the short way and the long one", function()
    local short, quiet = reconcile.nothing_to_do, 0
    for seed = 40001, 40000 + world.effort(2000) do
      local r = world.random(seed)
      local server = world.server(r)
      world.populate(r, server, r.int(4))
      local desired, opts = world.desired(r, server, seed % 3 == 0), world.options(r)
      if seed % 2 == 0 then
        server.apply(plan.compute(snapshot(server), desired, opts))
      end
      reconcile.nothing_to_do = function(...)
        local counts = short(...)
        quiet = quiet + (counts and 1 or 0)
        return counts
      end
      local one = plan.compute(snapshot(server), desired, opts)
      reconcile.nothing_to_do = function() end
      local other = plan.compute(snapshot(server), desired, opts)
      reconcile.nothing_to_do = short
      assert.equal(#one.changes, #other.changes, "seed " .. seed)
      for name, count in pairs(other.summary) do
        assert.equal(count, one.summary[name], ("seed %d: %s"):format(seed, name))
      end
    end
    assert.is_true(quiet > 200 or not ALL, quiet .. " quiet")
  end)

  it("hold what was wanted, and lose nothing that was not named", function()
    for seed = 20001, 20000 + world.effort(2000) do
      local r = world.random(seed)
      local server = world.server(r)
      world.populate(r, server, r.int(4))
      local desired, opts = world.desired(r, server, false), world.options(r)
      local before = snapshot(server)
      local p = plan.compute(before, desired, opts)
      local numbering = normalise.numbering(opts.default_country)
      -- What may go: what a change names. Untouchable people have none.
      local touched = {}
      for _, change in ipairs(p.changes) do
        touched[change.id or 0] = change
        local owner = server.user(change.owner_id)
        local touch = p.options.touch
        assert.is_true(not owner.isArchived or touch.archived == true)
        assert.is_true(not owner.isDeactivated)
        assert.is_true(not owner.isExternal or touch.external == true)
        if change.op == "delete" then
          assert.is_true(change.why == "absent" or opts.prune, "seed " .. seed)
        end
      end
      server.apply(p)
      for _, old in ipairs(before) do
        for _, was in ipairs(old.userContactInfos) do
          local now
          for _, candidate in ipairs(server.user(old.id).userContactInfos) do
            now = candidate.id == was.id and candidate or now
          end
          if not touched[was.id] then
            assert.same(was, now)
          elseif touched[was.id].op == "update" then
            assert.is_table(now)
          else
            assert.is_nil(now)
          end
        end
      end
      -- What was wanted without a problem is there.
      if #p.problems == 0 and #p.skipped == 0 and p.summary.out_of_scope == 0 then
        for _, entry in ipairs(desired) do
          if core.is_guid(entry.user) then
            for _, wanted in ipairs(entry.contact_infos) do
              local found = false
              for _, there in ipairs(server.user(entry.user).userContactInfos) do
                local same = normalise.group_key(there, numbering) == normalise.group_key(wanted, numbering)
                found = found or same and (wanted.subType == nil or wanted.subType == core.null
                  or wanted.subType == there.subType)
              end
              -- Absent by its id, an equal one may be there.
              if wanted.type ~= nil and not (wanted.id and wanted.absent) then
                assert.equal(not wanted.absent, found, ("seed %d: %s %s"):format(seed, wanted.type, wanted.value))
              end
            end
          end
        end
      end
    end
  end)

  it("need no request more than the difference between the two takes", function()
    local pruned = 0
    for seed = 30001, 30000 + world.effort(2000) do
      local r = world.random(seed)
      local server = world.server(r)
      local id = world.guid(r)
      server.users = { { id = id, email = "login@example.org", userContactInfos = {} } }
      local wanted, keys = {}, {}
      local function key_of(form)
        return normalise.group_key(form) .. "\0" .. (form.subType or "")
      end
      -- Without addresses, ids and open subtypes, the least number of writes of a type is the larger of what is missing
      -- and what is too much.
      local function plain()
        local form
        repeat
          form = world.form(r)
        until form.type ~= "address" and (form.subType or form.type == "custom")
        return form
      end
      for _ = 1, r.int(6) do
        server.create(id, plain())
      end
      for _ = 1, r.int(6) do
        local form = plain()
        if not keys[key_of(form)] then
          keys[key_of(form)] = true
          wanted[#wanted + 1] = form
        end
      end
      local missing, extra = {}, {}
      local there = {}
      for _, was in ipairs(server.users[1].userContactInfos) do
        local key = key_of(was)
        if keys[key] and not there[key] then
          there[key] = true
        else
          extra[was.type] = (extra[was.type] or 0) + 1
        end
      end
      for _, form in ipairs(wanted) do
        if not there[key_of(form)] then
          missing[form.type] = (missing[form.type] or 0) + 1
        end
      end
      local least, adds = 0, 0
      for _, kind in ipairs { "phone", "email", "urls", "messenger", "custom" } do
        least = least + math.max(missing[kind] or 0, extra[kind] or 0)
        adds = adds + (missing[kind] or 0)
      end
      local function writes(opts)
        local p = plan.compute(snapshot(server), { { user = id, contact_infos = wanted } }, opts)
        assert.equal(0, #p.problems)
        return #p.changes
      end
      assert.equal(adds, writes {})
      assert.equal(least, writes { prune = true }, "seed " .. seed)
      pruned = pruned + least
    end
    assert.is_true(pruned > 2000 or not ALL)
  end)
end)

describe("what awork stored before its rules", function()
  local function old(n, fields)
    fields.id = ("%08d-2222-4222-8222-222222222222"):format(n)
    fields.createdOn = "2015-01-01T00:00:00Z"
    return fields
  end
  local STORED = {
    old(1, { type = "phone", subType = "Work", value = "+49 30 1", label = "Desk" }),
    old(2, { type = "social", subType = "mastodon", value = "@ada@example.social" }),
    old(3, { type = "address", subType = "home", addressLine1 = "Weg 1", city = "Bonn", isAddress = true }),
    old(4, { type = "pager", value = "7" }),
  }

  local function formed(stored, more)
    local form = { type = stored.type, subType = stored.subType, value = stored.value, label = stored.label,
      addressLine1 = stored.addressLine1, city = stored.city, isAddress = stored.isAddress }
    for key, value in pairs(more or {}) do form[key] = value end
    return form
  end

  it("is kept when it is desired as it is, also with prune", function()
    local desired = {}
    for i, stored in ipairs(STORED) do desired[i] = formed(stored) end
    assert.equal("", brief(compute(STORED, desired, { prune = true })))
    local made = compute(STORED, desired, { prune = true })
    assert.same({}, made.problems)
    assert.same({}, made.warnings)
    assert.equal(4, made.summary.keep)
  end)

  it("can be updated in what its rules do not forbid", function()
    for _, stored in ipairs(STORED) do
      local made = compute(STORED, { formed(stored, { label = "New" }) })
      assert.same({}, made.problems)
      assert.equal("update", made.changes[1].op)
      assert.same({ "label" }, made.changes[1].fields)
      made = compute(STORED, { { id = stored.id, label = "New" } })
      assert.same({ {}, "update" }, { made.problems, made.changes[1].op })
      made = compute(STORED, { { id = stored.id, subType = "wrok" } })
      assert.equal(stored.type == "pager" and "update" or nil, made.changes[1] and made.changes[1].op)
    end
  end)

  it("can't be created anew, nor twice", function()
    for _, stored in ipairs(STORED) do
      local made = compute({}, { formed(stored) })
      assert.equal(stored.type == "phone" and "possible-values" or stored.type == "address" and "required"
        or "possible-values", made.problems[1].violations[1].rule)
      assert.same({}, made.changes)
      -- Two desired ones, of which one has it by its id.
      made = compute(STORED, { { id = stored.id, value = "+49 30 2", addressLine1 = "Weg 2" }, formed(stored) },
        { prune = true })
      for _, change in ipairs(made.changes) do
        assert.is_not.equal("create", change.op)
        assert.is_not.same(stored.type, change.op == "delete" and change.before.type)
      end
    end
  end)
end)

describe("a plan", function()
  it("keeps what is there in another spelling", function()
    local p = compute({ WORK, MAIL, HOME }, {
      { type = "phone", subType = "work", value = "030/123" },
      { type = "email", subType = "work", value = "Anna@EXAMPLE.org" },
      { type = "address", subType = "home", addressLine1 = " Torstr.  1", zipCode = "10119", city = "Berlin",
        country = "DE" },
    }, { default_country = "DE", keeps = true })
    assert.equal("", brief(p))
    assert.equal(3, p.summary.keep)
    assert.equal(WORK.id, p.keeps[1].id)
    assert.is_true(p:is_empty())
    assert.equal(0, p:exit_code())
  end)

  it("takes e-mail addresses that differ in capitals alone for one, and changes nothing", function()
    for _, spelling in ipairs { "anna@example.org", "ANNA@EXAMPLE.ORG", "Anna@Example.org" } do
      local p = compute({ MAIL }, { { type = "email", subType = "work", value = spelling } })
      assert.equal("", brief(p))
      assert.equal(1, p.summary.keep)
      assert.equal("", brief(compute({ MAIL }, { { type = "email", subType = "work", value = spelling } },
        { prune = true })))
    end
    -- Two spellings in one file are one address, too.
    local p = compute({}, { { type = "email", subType = "work", value = "Ben@example.org" },
      { type = "email", subType = "work", value = "ben@EXAMPLE.org" } })
    assert.equal("create email/work Ben@example.org", brief(p))
    assert.same({}, p.problems)
  end)

  it("adds beside what is there, and deletes nothing, without prune", function()
    local p = compute({ WORK, MOBILE }, { { type = "phone", subType = "work", value = "+49 30 999" } })
    assert.equal("create phone/work +49 30 999", brief(p))
    assert.equal(2, p:exit_code())
    assert.equal("missing", p.changes[1].why)
  end)

  it("updates by id, and leaves fields alone that are not given", function()
    local p = compute({ HOME }, { { id = HOME.id, addressLine2 = "Hof B" } })
    assert.equal(1, #p.changes)
    local change = p.changes[1]
    assert.same({ "addressLine2" }, change.fields)
    assert.equal("Torstr. 1", change.form.addressLine1)
    assert.equal("Hof B", change.form.addressLine2)
    assert.equal("Hof A", change.before.addressLine2)
    assert.equal(HOME.updatedOn, change.updatedOn)
  end)

  it("empties a field that is null", function()
    local p = compute({ HOME }, { { id = HOME.id, addressLine2 = awork.null } })
    assert.is_nil(p.changes[1].form.addressLine2)
    assert.same({ "addressLine2" }, p.changes[1].fields)
    assert.equal("", brief(compute({ WORK }, { { id = WORK.id, label = awork.null } })))
  end)

  it("looks by value when the id is gone", function()
    local wanted = { id = OTHER, type = "phone", subType = "work", value = "+49 30 123" }
    assert.equal("", brief(compute({ WORK }, { wanted })))
    assert.equal("create phone/work +49 30 123", brief(compute({}, { wanted })))
  end)

  it("lets an info without a subtype be any", function()
    assert.equal("", brief(compute({ MOBILE }, { { type = "phone", value = "+49 170 1" } })))
    -- Said twice, once with less, it is one.
    assert.equal("", brief(compute({ MOBILE }, { { type = "phone", value = "+49 170 1" },
      { type = "phone", subType = "mobile", value = "+49 170 1" } })))
    assert.equal("update phone +49 170 1",
      brief(compute({ MOBILE }, { { type = "phone", subType = awork.null, value = "+49 170 1" } }, { prune = true })))
  end)

  it("prunes in its scope alone, pairing what it can", function()
    local wanted = { { type = "phone", subType = "work", value = "+49 30 999" } }
    local p = compute({ WORK, MOBILE, PRIVATE }, wanted, { prune = true, only = { "phone" } })
    assert.equal("update phone/work +49 30 999; delete phone/mobile +49 170 1", brief(p))
    assert.equal("replaced", p.changes[1].why)
    assert.equal(WORK.id, p.changes[1].id)
    assert.equal(1, p.summary.replace)
    assert.equal(2, p.summary.in_scope)
    p = compute({ WORK, MOBILE }, wanted, { prune = true, only = { { type = "phone", subType = "mobile" } } })
    assert.equal("delete phone/mobile +49 170 1", brief(p))
    assert.equal(1, p.summary.out_of_scope)
    p = compute({ WORK, MOBILE }, {}, { prune = true, only = "phone/work" })
    assert.equal("delete phone/work +49 30 123", brief(p))
    assert.equal("", brief(compute({ WORK, MOBILE }, {}, { prune = true, only = { "email" } })))
  end)

  it("moves a number to another subtype in one request, with prune", function()
    local p = compute({ WORK }, { { type = "phone", subType = "home", value = "+49 30 123" } }, { prune = true })
    assert.equal("update phone/home +49 30 123", brief(p))
  end)

  it("prunes duplicates of what is wanted", function()
    local twin = info(9, { type = "phone", subType = "work", value = "0049 30 123" })
    local p = compute({ twin, WORK }, { { type = "phone", subType = "work", value = "+49 30 123" } }, { prune = true })
    assert.equal(1, #p.changes)
    assert.equal("delete", p.changes[1].op)
    assert.equal(twin.id, p.changes[1].id)
  end)

  it("replaces the only one of its kind when told to", function()
    local wanted = { type = "phone", subType = "work", value = "+49 30 999", replace = true }
    assert.equal("update phone/work +49 30 999", brief(compute({ WORK, MOBILE }, { wanted })))
    wanted.replace = nil
    assert.equal("update phone/work +49 30 999", brief(compute({ WORK }, { wanted }, { replace = true })))
    -- Two there, or two wanted: which one gives way would be a guess.
    local twin = info(9, { type = "phone", subType = "work", value = "+49 30 124" })
    assert.equal("create phone/work +49 30 999", brief(compute({ WORK, twin }, { wanted }, { replace = true })))
    assert.equal("create phone/work +49 30 999; create phone/work +49 30 998", brief(compute({ WORK },
      { wanted, { type = "phone", subType = "work", value = "+49 30 998" } }, { replace = true })))
  end)

  it("deletes what is wanted absent, and nothing else", function()
    assert.equal("delete phone/work +49 30 123",
      brief(compute({ WORK, MOBILE }, { { type = "phone", value = "0049 30 123", absent = true } })))
    assert.equal("delete phone/mobile +49 170 1",
      brief(compute({ WORK, MOBILE }, { { id = MOBILE.id, absent = true } })))
    assert.equal("", brief(compute({ WORK }, { { id = MOBILE.id, absent = true } })))
    local p = compute({ WORK }, { { type = "phone", value = "+49 30 123", absent = true },
      { type = "phone", subType = "work", value = "+49 30 123" } })
    assert.equal("", brief(p))
    assert.equal("conflict", p.problems[1].kind)
  end)

  it("says what is wrong, where, and goes on with the rest", function()
    local p = plan.compute({ user(ID, { WORK }) }, { { user = ID, source = { file = "a.csv", row = 7,
      columns = { "Tel.", { addressLine1 = "Straße", country = "Land" } } }, contact_infos = {
      { type = "phone", subType = "Mobil", value = "1" },
      { type = "address", subType = "home", addressLine1 = "x", zipCode = "1", city = "y", country = "Deutschland" },
      { type = "email", subType = "work", value = "a@example.org" },
    } } })
    assert.equal("create email/work a@example.org", brief(p))
    assert.equal(2, #p.problems)
    assert.same({ file = "a.csv", row = 7, column = "Tel." }, p.problems[2].source)
    assert.same({ file = "a.csv", row = 7, column = "Land" }, p.problems[1].source)
    assert.equal("subType", p.problems[2].violations[1].property)
    assert.equal("problems", p:state())
    assert.equal(1, p:exit_code())
    local text = p:to_text()
    assert.matches("row 7, column 'Land'", text, 1, true)
    assert.matches("DE", text, 1, true)
  end)

  it("deletes nothing of a type that has a problem", function()
    local bad = { type = "phone", subType = "wrok", value = "+49 30 123" }
    assert.equal("delete email/private anna@home.example",
      brief(compute({ WORK, MAIL, PRIVATE }, { bad }, { prune = true })))
    -- A misspelt type may mean any.
    assert.equal("", brief(compute({ WORK, MAIL, PRIVATE }, { { type = "fone", value = "1" } }, { prune = true })))
  end)

  it("finds people by e-mail address, the exact spelling first", function()
    local users = { user(ID, { MAIL }), user(OTHER, { info(9, { type = "email", value = "anna@example.org" }) }) }
    local wanted = { { type = "phone", subType = "work", value = "1234" } }
    local function of(who)
      local p = plan.compute(users, { { user = who, contact_infos = wanted } })
      return p.changes[1] and p.changes[1].owner_id, p.problems[1]
    end
    assert.equal(ID, of "Anna@EXAMPLE.org")
    assert.equal(OTHER, of "anna@example.org")
    local found, problem = of "ANNA@example.org"
    assert.is_nil(found)
    assert.equal("ambiguous", problem.kind)
    assert.equal(2, #problem.candidates)
    table.remove(users)
    assert.equal(ID, of "ANNA@example.org")
    found, problem = of "ben@example.org"
    assert.is_nil(found)
    assert.equal("not-found", problem.kind)
  end)

  it("never guesses between two people of one address", function()
    local twin = info(9, { type = "email", value = "Anna@example.org" })
    local users = { user(ID, { MAIL, WORK }), user(OTHER, { twin }) }
    local desired = { { user = "Anna@example.org", contact_infos = {} } }
    local p = plan.compute(users, desired, { prune = true })
    assert.equal("", brief(p))
    assert.equal("ambiguous", p.problems[1].kind)
    -- One who is not to be touched is not meant when another may be.
    users[2].isArchived = true
    assert.equal("delete phone/work +49 30 123", brief(plan.compute(users, desired, { prune = true })))
  end)

  it("merges what several entries want of one person", function()
    local p = plan.compute({ user(ID, { MAIL }) }, {
      { user = ID, contact_infos = { { type = "phone", subType = "work", value = "+49 30 1" } } },
      { user = "Anna@example.org", contact_infos = { { type = "phone", subType = "work", value = "0049 30 1" },
        { type = "phone", subType = "home", value = "+49 30 2" } } },
    })
    assert.equal("create phone/work +49 30 1; create phone/home +49 30 2", brief(p))
    assert.equal(1, p.summary.matched)
  end)

  it("gives nobody the address by which another entry finds someone", function()
    local p = plan.compute({ user(ID, { MAIL }), user(OTHER, {}) }, {
      { user = "Anna@example.org", contact_infos = {} },
      { user = OTHER, contact_infos = { { type = "email", subType = "work", value = "anna@example.org" } } },
    })
    assert.equal("", brief(p))
    assert.equal("taken", p.problems[1].kind)
  end)

  for reason, fields in pairs { external = { isExternal = true }, agent = { isAgent = true }, archived = { isArchived =
    true }, deactivated = { isDeactivated = true }, deleted = { deletedOn = "2026-01-01T00:00:00Z" } } do
    it("leaves alone who is " .. reason .. ", unless asked", function()
      local users = { user(ID, { WORK }, fields) }
      local desired = { { user = ID, contact_infos = { { type = "phone", subType = "home", value = "1234" } } } }
      local p = plan.compute(users, desired)
      assert.equal("", brief(p))
      assert.equal(reason, p.skipped[1].reason)
      assert.equal("nothing", p:state())
      assert.matches("not touched", p:to_text(), 1, true)
      assert.equal("create phone/home 1234", brief(plan.compute(users, desired, { touch = { reason } })))
    end)
  end

  it("leaves the address alone with which someone logs in, unless asked", function()
    local opts = { prune = true }
    assert.equal("delete email/private anna@home.example", brief(compute({ MAIL, PRIVATE }, {}, opts)))
    opts.touch = { "login" }
    assert.equal("delete email/work Anna@example.org; delete email/private anna@home.example",
      brief(compute({ MAIL, PRIVATE }, {}, opts)))
    opts.touch = nil
    -- The user says which it is.
    local users = { user(ID, { MAIL, PRIVATE }, { email = "anna@home.example" }) }
    assert.equal("delete email/work Anna@example.org",
      brief(plan.compute(users, { { user = ID, contact_infos = {} } }, opts)))
    -- No work address: the oldest, whatever its subtype.
    local later = info(9, { type = "email", subType = "other", value = "later@example.org" })
    local p = compute({ later, PRIVATE }, {}, opts)
    assert.equal("delete email/other later@example.org", brief(p))
    assert.equal(1, p.summary.guarded)
    -- Named all the same: said, not done.
    p = compute({ MAIL }, { { id = MAIL.id, value = "new@example.org" } })
    assert.equal("", brief(p))
    assert.equal("login", p.skipped[1].reason)
  end)

  it("never deletes the address by which it found someone", function()
    local p = plan.compute({ user(ID, { MAIL, PRIVATE }) }, { { user = "anna@home.example", contact_infos = {} } },
      { prune = true, touch = { "login" } })
    assert.equal("delete email/work Anna@example.org", brief(p))
  end)

  it("holds deletions and replacements to a limit", function()
    local existing, wanted = {}, {}
    for i = 1, 40 do
      existing[i] = info(i, { type = "phone", subType = "work", value = "+49 30 " .. 1000 + i })
    end
    for i = 1, 19 do
      wanted[i] = { type = "phone", subType = "work", value = existing[i].value }
    end
    local p = compute(existing, wanted, { prune = true })
    assert.equal(21, p.summary.delete)
    assert.is_true(p.summary.over_limit)
    assert.equal(20, p.summary.delete_limit)
    assert.equal(1, p:exit_code())
    assert.matches("delete_limit = 21", p:to_text(), 1, true)
    -- Overwriting counts as deleting does.
    wanted[20] = { type = "phone", subType = "work", value = "+49 30 9" }
    p = compute(existing, wanted, { prune = true })
    assert.equal(20, p.summary.delete)
    assert.equal(1, p.summary.replace)
    assert.is_true(p.summary.over_limit)
    assert.is_false(compute(existing, wanted, { prune = true, delete_limit = 21 }).summary.over_limit)
    assert.is_false(compute(existing, wanted, { prune = true, delete_limit = false }).summary.over_limit)
    assert.is_true(compute(existing, wanted, { prune = true, delete_limit = 0 }).summary.over_limit)
    assert.equal(30, plan.delete_limit(nil, 309))
    assert.equal(20, plan.delete_limit(nil, 0))
  end)

  it("does companies the same way, by id, address or name", function()
    local central = info(1, { type = "phone", subType = "central", value = "+49 30 1" })
    local mail = info(2, { type = "email", subType = "central", value = "info@acme.example" })
    local snapshot_of = { companies = { { id = ID, name = "Acme GmbH", companyContactInfos = { central, mail } } } }
    for _, who in ipairs { ID, "Acme  GmbH", "info@ACME.example" } do
      local p = plan.compute(snapshot_of, { { company = who, contact_infos = {
        { type = "phone", subType = "central", value = "0049 30 1" },
        { type = "url", subType = "primary", value = "https://acme.example" } } } })
      assert.equal("create url/primary https://acme.example", brief(p))
      assert.equal("company", p.changes[1].owner)
      assert.equal("Acme GmbH", p.changes[1].name)
    end
    assert.equal("not-found", plan.compute(snapshot_of, { { company = "Acme", contact_infos = {} } }).problems[1].kind)
  end)

  it("takes an iterator as it takes a list", function()
    local i = 0
    local p = plan.compute({ user(ID, {}) }, function()
      i = i + 1
      return i <= 2 and { user = ID, contact_infos = { { type = "phone", subType = "work", value = "1234" .. i } } }
        or nil
    end)
    assert.equal("create phone/work 12341; create phone/work 12342", brief(p))
  end)

  it("refuses entries that say too little, and none of them deletes anything", function()
    local existing = { user(ID, { WORK, PRIVATE, MAIL }) }
    for _, entry in ipairs { 7, {}, { user = 7 }, { user = "" }, { user = "anna" }, { user = ID }, { user = ID,
      contact_infos = "x" }, { user = ID, company = ID, contact_infos = {} } } do
      local p = plan.compute(existing, { entry }, { prune = true, delete_limit = false })
      assert.equal("", brief(p))
      assert.equal("invalid", p.problems[1].kind)
    end
    for _, wanted in ipairs { 7, "x", {}, { type = 7 }, { id = "x" }, { type = "phone", absent = "no" },
      { value = "1" }, { type = "phone", value = 4930 },
      { type = "phone", subType = "work", value = "1", [7] = 1 }, { type = {} },
      { type = "phone", absent = true, value = {} } } do
      local p = plan.compute(existing, { { user = ID, contact_infos = { wanted } } }, { delete_limit = false })
      assert.equal("", brief(p))
      assert.equal("invalid", p.problems[1].kind)
      assert.equal(1, p.problems[1].entry)
    end
  end)

  it("takes nothing from anyone while there is an entry that could not be read", function()
    local users = { user(ID, { WORK, MOBILE }) }
    local desired = { { user = ID, contact_infos = { { type = "phone", subType = "home", value = "1234" } } },
      { contact_infos = {} } }
    assert.equal("create phone/home 1234", brief(plan.compute(users, desired, { prune = true, replace = true })))
    local i = 0
    local p = plan.compute(users, function()
      i = i + 1
      if i == 2 then
        return false, { message = "not UTF-8", file = "a.csv", row = 3, column = "Tel" }
      elseif i == 3 then
        return false, "cut off"
      end
      return desired[i]
    end, { prune = true })
    assert.equal("create phone/home 1234", brief(p))
    assert.equal("not UTF-8", p.problems[1].message)
    assert.same({ file = "a.csv", row = 3, column = "Tel" }, p.problems[1].source)
    assert.equal("cut off", p.problems[2].message)
    desired[2] = nil
    assert.equal("update phone/home 1234; delete phone/mobile +49 170 1",
      brief(plan.compute(users, desired, { prune = true })))
  end)

  it("says what contradicts itself", function()
    for _, wanted in ipairs {
      { { id = HOME.id, state = "A" }, { id = HOME.id, state = "B" } },
      { { id = HOME.id, absent = true }, { id = HOME.id, state = "B" } },
      { { id = HOME.id, addressLine2 = "Hof B" }, { type = "address", subType = "home", addressLine1 = "Torstr. 1",
        zipCode = "10119", city = "Berlin", country = "DE", addressLine2 = "Hof C" } },
      { { type = "address", subType = "work", addressLine1 = "x", zipCode = "1", city = "y", country = "DE",
        state = "A" }, { type = "address", subType = "work", addressLine1 = "x", zipCode = "1", city = "y",
        country = "DE", state = "B" } },
    } do
      assert.equal("conflict", compute({ HOME }, wanted).problems[1].kind)
    end
    -- Said twice, each with a part of it, it is one.
    local p = compute({}, { { type = "address", subType = "work", addressLine1 = "x", zipCode = "1", city = "y",
      country = "DE", state = "A" }, { type = "address", subType = "work", addressLine1 = "x", zipCode = "1",
      city = "y", country = "DE", addressLine2 = "B", label = awork.null } })
    assert.equal(0, #p.problems)
    assert.equal(1, #p.changes)
    assert.equal("A", p.changes[1].form.state)
    assert.equal("B", p.changes[1].form.addressLine2)
    p = compute({ WORK }, { { type = "phone", value = "+49 30 123", absent = true },
      { type = "phone", value = "0049 30 123", absent = true } })
    assert.equal("delete phone/work +49 30 123", brief(p))
    p = compute({ HOME }, { { id = HOME.id, state = "A" }, { id = HOME.id, city = "Bonn" } })
    assert.same({ "city", "state" }, p.changes[1].fields)
  end)

  it("survives what servers send", function()
    local p = plan.compute({ 7, {}, { id = 7 }, user(ID, { 7, {}, { id = 3, type = {}, value = 12 }, WORK }),
      user(OTHER), { id = OTHER, userContactInfos = "x", name = 7 } }, { { user = ID, contact_infos = {
      { type = "phone", subType = "work", value = "+49 30 123" } } }, { user = OTHER, contact_infos = {} } })
    assert.equal("", brief(p))
    assert.equal(0, #p.problems)
  end)

  it("raises for options that are none", function()
    for _, opts in ipairs { 7, { purge = true }, { prune = 1 }, { only = {} }, { only = { "fone" } },
      { only = { "phone/wrok" } }, { only = 7 }, { only = { {} } }, { default_country = "Germany" },
      { touch = { "everyone" } }, { touch = 7 }, { delete_limit = -1 }, { delete_limit = 1.5 },
      { delete_limit = "x" } } do
      assert.has_error(function() plan.compute({}, {}, opts) end)
    end
    assert.has_no_error(function()
      plan.compute({}, {}, { only = { "custom/anything", "url" }, touch = "login", default_country = "+49",
        delete_limit = math.huge })
    end)
  end)
end)
