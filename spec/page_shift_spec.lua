-- A list that changes between two of its pages: whoever was there all the time is given, once, or there is an error.
local awork = require "awork"
local desired = require "awork.desired"
local find = require "awork.desired.find"
local users = require "awork.users"
local contact_infos = require "awork.contact_infos"

local COUNT, SIZE = 13, 4

-- A server in memory, as a session is to a resource: the list is read by page, in the order asked for. `before(n)` is
-- called before the n-th page is answered. options: counted (aw-totalitems is sent), refuses (it takes no order).
local function server(options)
  options = options or {}
  local self = { who = {}, people = {}, made = 0, requests = 0, refused = 0, closed = false, before = function() end }
  self.scheduler = { breathe = function() return false end }
  function self.check_open() end
  function self:unreadable() -- luacheck: ignore self
    return assert(nil, "an answer was taken for unreadable")
  end
  function self.add(person)
    self.made = self.made + 1
    person = person or {}
    -- Ids say nothing of the order, times do; two at a time have the same.
    person.id = ("%08x-1111-4111-8111-%012x"):format(self.made * 2654435761 % 4294967296, self.made)
    person.createdOn = ("2026-01-01T00:%02d:00.0000000Z"):format(self.made // 2)
    person.name = person.id
    self.people[#self.people + 1] = person
    return person
  end
  function self.delete(person)
    for i, other in ipairs(self.people) do
      if other == person then
        table.remove(self.people, i)
      end
    end
  end
  function self.fetch(_, _, path, _, opts)
    if path == "/apiusers" then
      return {}
    end
    local query = {}
    for name, value in opts.query:gmatch "(%w+)=([^&]*)" do
      query[name] = value
    end
    local page, size = math.tointeger(query.page), math.min(math.tointeger(query.pageSize), options.size or SIZE)
    if options.refuses and query.orderby then
      self.refused = self.refused + 1
      return nil, { code = "invalid-filter-or-order", status = 400 }
    end
    self.requests = self.requests + 1
    self.before(self.requests)
    local list = {}
    for _, person in ipairs(self.people) do
      if not person.isArchived or query.showArchived == "true" then
        list[#list + 1] = person
      end
    end
    if query.orderby == "createdOn%20desc%2Cid" then
      table.sort(list, function(a, b)
        if a.createdOn ~= b.createdOn then
          return a.createdOn > b.createdOn
        end
        return a.id < b.id
      end)
    end
    local answer = table.move(list, (page - 1) * size + 1, math.min(page * size, #list), 1, {})
    local headers = { ["aw-page"] = query.page, ["aw-pagesize"] = tostring(size), ["aw-totalitems"] =
      options.counted ~= false and tostring(#list) or nil }
    -- Copies, because what is given is taken out of its page.
    return answer, nil, { status = 200, headers = headers }
  end
  return self
end

-- Who is there as a list is read: the first is the newest.
local function nth(self, n)
  return self.people[#self.people + 1 - n]
end

-- What others may do between two pages; each gets the server.
local SHIFTS = {
  ["a deletion in front"] = function(it) it.delete(nth(it, 1)) end,
  ["a deletion on the second page"] = function(it) it.delete(nth(it, SIZE + 2)) end,
  ["a deletion behind"] = function(it) it.delete(nth(it, #it.people)) end,
  ["many deletions"] = function(it) for _ = 1, SIZE do it.delete(nth(it, 2)) end end,
  ["an addition"] = function(it) it.add() end,
  ["many additions"] = function(it) for _ = 1, SIZE + 1 do it.add() end end,
  ["an addition and a deletion in front"] = function(it) it.delete(nth(it, 2)) it.add() end,
  ["an addition and a deletion behind"] = function(it) it.delete(nth(it, #it.people)) it.add() end,
  ["an addition and two deletions"] = function(it) it.delete(nth(it, 1)) it.delete(nth(it, 3)) it.add() end,
  ["one who is archived"] = function(it) nth(it, 2).isArchived = true end,
  ["one who is archived, behind"] = function(it) nth(it, #it.people - 1).isArchived = true end,
  ["one who is no longer archived"] = function(it)
    for _, person in ipairs(it.people) do
      person.isArchived = nil
    end
  end,
}

local WOKEN = SHIFTS["one who is no longer archived"]

-- Reads all; gives whom, and the error.
local function read(it, options)
  local seen, list, failed = {}, {}, nil
  for person, err in users.users(it):each(options) do
    if not person then
      assert.is_nil(failed)
      failed = err
    else
      assert.is_nil(seen[person.id], "somebody was given twice")
      seen[person.id] = true
      list[#list + 1] = person
    end
  end
  return seen, failed, list
end

-- Fills a server with people; the third oldest is archived.
local function filled(options, count)
  local it = server(options)
  for i = 1, count or COUNT do
    it.add { isArchived = i == 3 and (count or COUNT) > 3 or nil }
  end
  return it
end

-- All of `before` who are still there, archived or not as they were, must have been given.
local function assert_complete(it, before, seen)
  local still = {}
  for _, person in ipairs(it.people) do
    still[person.id] = not person.isArchived
  end
  for _, id in ipairs(before) do
    assert.is_true(not still[id] or seen[id] == true, "somebody who was there all the time was not given")
  end
end

local function visible(it)
  local ids = {}
  for _, person in ipairs(it.people) do
    ids[#ids + 1] = not person.isArchived and person.id or nil
  end
  return ids
end

describe("a list that is read page by page", function()
  for name, shift in pairs(SHIFTS) do
    it("gives everyone once, with " .. name .. " before any of its pages", function()
      for _, options in ipairs { {}, { refuses = true } } do
        for count = SIZE, COUNT do
          for page = 1, COUNT // SIZE + 2 do
            local it = filled(options, count)
            local before = visible(it)
            function it.before(n)
              if n == page then
                shift(it)
              end
            end
            local seen, failed = read(it)
            assert.is_nil(failed)
            -- Without an order, and with an addition and a deletion at once, nothing shows: there the order is needed.
            if not options.refuses then
              assert_complete(it, before, seen)
            end
            assert.is_true(it.requests <= 2 * (COUNT // SIZE + 3), it.requests .. " requests")
          end
        end
      end
    end)
  end

  it("gives everyone once also when two things happen, wherever", function()
    local runs = 0
    for _, first in pairs(SHIFTS) do
      for _, second in pairs(SHIFTS) do
        for page = 1, 4 do
          for gap = 0, 2 do
            local it = filled()
            local before = visible(it)
            function it.before(n)
              if n == page then first(it) end
              if n == page + gap then second(it) end
            end
            local seen, failed = read(it)
            assert.is_nil(failed)
            -- Who comes out of an archive behind a boundary hides a deletion before it: one reading can't show that.
            if first ~= WOKEN and second ~= WOKEN then
              assert_complete(it, before, seen)
            end
            runs = runs + 1
          end
        end
      end
    end
    assert.is_true(runs > 1000)
  end)

  it("that does not change costs one request a page", function()
    for count, requests in pairs { [0] = 1, [1] = 1, [SIZE] = 1, [SIZE + 2] = 2, [3 * SIZE + 1] = 3 } do
      local it = filled(nil, count)
      read(it)
      assert.equal(requests, it.requests, count)
    end
  end)

  it("that changes each time it is read is an error", function()
    local it = filled()
    function it.before()
      it.add()
    end
    local seen, failed, list = read(it)
    assert.equal("list-changed", failed.code)
    assert.equal("api", failed.kind)
    assert.is_true(failed.retryable)
    assert.is_true(#list >= SIZE and next(seen) ~= nil)
    assert.is_true(it.requests <= 12, it.requests .. " requests")
    assert.matches("3 times", tostring(failed), 1, true)
  end)

  it("is read without an order where the server takes none, and asked for one only once", function()
    local it = filled { refuses = true }
    local _, failed, list = read(it)
    assert.is_nil(failed)
    assert.equal(COUNT - 1, #list)
    assert.equal(2, it.refused)
    read(it)
    assert.equal(2, it.refused)
  end)

  it("keeps the caller's order", function()
    local it = filled()
    local orders = {}
    local fetch = it.fetch
    function it:fetch(method, path, body, opts)
      orders[#orders + 1] = opts.query:match "orderby=([^&]*)"
      return fetch(self, method, path, body, opts)
    end
    read(it, { orderby = "lastName" })
    assert.same({ "lastName", "lastName", "lastName" }, orders)
  end)

  it("may have smaller pages than were asked for", function()
    local it = filled({ size = 3 })
    local _, failed, list = read(it, { pageSize = 1000 })
    assert.is_nil(failed)
    assert.equal(COUNT - 1, #list)
  end)

  it("is not believed when a page is short, or too long for the total", function()
    for _, fault in ipairs { -1, 1 } do
      local it = filled()
      local fetch = it.fetch
      function it:fetch(...)
        local list, err, raw = fetch(self, ...)
        if raw.headers["aw-page"] == "2" then
          list[#list + (fault > 0 and 1 or 0)] = fault > 0 and { id = "77777777-2222-4222-8222-222222222222" } or nil
        end
        return list, err, raw
      end
      local _, failed = read(it)
      assert.equal("list-changed", failed.code)
    end
  end)

  it("is an error when the server repeats a page, with a total or without, with ids or without", function()
    for _, headers in ipairs { {}, { ["aw-totalitems"] = "1000000" } } do
      for _, nameless in ipairs { false, true } do
        local it = server()
        function it:fetch() -- luacheck: ignore self
          it.requests = it.requests + 1
          local list = {}
          for i = 1, 1000 do
            list[i] = { id = not nameless and ("%08x-1111-4111-8111-111111111111"):format(i) or nil }
          end
          return list, nil, { status = 200, headers = headers }
        end
        for _, each in ipairs {
          function() return users.users(it):each() end,
          function() return users.companies(it):each() end,
          function() return contact_infos.new(it, "user"):each(("1"):rep(8) .. "-1111-4111-8111-111111111111") end,
        } do
          it.requests = 0
          local given, failed = 0, nil
          for item, err in each() do
            given, failed = given + (item and 1 or 0), not item and err or failed
          end
          assert.equal("list-changed", failed.code)
          assert.equal(1000, given)
          assert.is_true(it.requests <= 6, it.requests .. " requests")
        end
      end
    end
  end)

  it("is not believed when its first page has more than there are in all", function()
    local it = filled()
    local fetch = it.fetch
    function it:fetch(...)
      local list, err, raw = fetch(self, ...)
      raw.headers["aw-totalitems"] = "2"
      return list, err, raw
    end
    local _, failed = read(it)
    assert.equal("list-changed", failed.code)
  end)

  it("remembers nobody as long as there is one page", function()
    local it = filled(nil, SIZE)
    function it.before()
      it.people[2].id, it.people[2].createdOn = it.people[1].id, it.people[1].createdOn
    end
    local given = 0
    for person in users.users(it):each() do
      assert(person)
      given = given + 1
    end
    assert.equal(SIZE - 1, given)
  end)
end)

-- What plan and find take for a client.
local function client_of(it)
  local people = users.users(it)
  return { users = people, companies = users.companies(it), yield = function() return false end }
end

local function email(value)
  return { id = "33333333-3333-4333-8333-333333333333", type = "email", subType = "private", value = value }
end

local function phone(value)
  return { id = "44444444-4444-4444-8444-444444444444", type = "phone", subType = "work", value = value }
end

describe("a plan from a list that changes", function()
  -- Two people share an address: `near` is on the first page, `far` is the first of the second one.
  local function shared(options, kind)
    local it = filled(options)
    local near, far = nth(it, 2), nth(it, SIZE + 1)
    for _, person in ipairs { near, far } do
      person[kind == "company" and "companyContactInfos" or "userContactInfos"] = { email "Both@x.example", phone "1" }
    end
    return it, near, far
  end

  local function wanted(kind, value)
    return { { [kind] = value, contact_infos = { { type = "phone", subType = "work", value = "2" } } } }
  end

  for _, kind in ipairs { "user", "company" } do
    for name, shift in pairs(SHIFTS) do
      it("never takes one of two " .. kind .. "s for the only one, with " .. name, function()
        for page = 1, 4 do
          for _, opts in ipairs { { prune = true }, { replace = true }, {} } do
            local it, near, far = shared(nil, kind)
            function it.before(n)
              if n == page then
                shift(it)
              end
            end
            local plan = assert(desired.plan(client_of(it), it, wanted(kind, "both@x.example"), opts))
            local here = 0
            for _, person in ipairs(it.people) do
              here = here + ((person == near or person == far) and not person.isArchived and 1 or 0)
            end
            if here == 2 then
              assert.same({}, plan.changes)
              assert.equal("ambiguous", plan.problems[1].kind)
            end
          end
        end
      end)
    end
  end

  it("reads a second time before it destroys something: a deletion can hide behind one out of an archive", function()
    for page = 2, 4 do
      local it, _, far = shared()
      function it.before(n)
        if n == page then
          it.delete(nth(it, 1))
          SHIFTS["one who is no longer archived"](it)
        end
      end
      local plan = assert(desired.plan(client_of(it), it, wanted("user", "both@x.example"), { prune = true }))
      assert.same({}, plan.changes)
      assert.equal("ambiguous", plan.problems[1].kind)
      assert.is_false(far.isArchived or false)
    end
  end)

  it("reads once where there is nothing to destroy, or nothing to do", function()
    for _, case in ipairs {
      { 3, {}, "1" }, { 3, { prune = true }, "2", true }, { 3, {}, "2" }, { 6, { prune = true }, "1" },
      { 6, { replace = true }, "1" },
    } do
      local requests, opts, stored, only_email = case[1], case[2], case[3], case[4]
      local it = filled()
      nth(it, 2).userContactInfos = { email "Both@x.example", phone(stored) }
      local entries = wanted("user", "both@x.example")
      if only_email then
        table.insert(entries[1].contact_infos, email "both@x.example")
        entries[1].contact_infos[2].id = nil
      end
      assert(desired.plan(client_of(it), it, entries, opts))
      assert.equal(requests, it.requests)
    end
  end)

  it("trusts no address and prunes nothing when the list never stands still; who is named by id is planned", function()
    for _, kind in ipairs { "user", "company" } do
      local it, near, far = shared(nil, kind)
      local infos = kind == "company" and "companyContactInfos" or "userContactInfos"
      far[infos] = { phone "1" }
      function it.before()
        it.add()
      end
      local entries = wanted(kind, "both@x.example")
      entries[2] = { [kind] = far.id, contact_infos = { { type = "phone", subType = "home", value = "3" } } }
      if kind == "company" then
        entries[1].contact_infos[1].subType, entries[2].contact_infos[1].subType = "central", "other"
        entries[3] = { company = near.name .. " Ltd", contact_infos = {} }
      end
      local plan = assert(desired.plan(client_of(it), it, entries, { prune = true, replace = true }))
      local ops = {}
      for i, change in ipairs(plan.changes) do
        ops[i] = change.op .. " " .. change.owner_id
      end
      assert.same({ "create " .. far.id }, ops)
      assert.equal("list-changed", plan.problems[1].kind)
      assert.is_nil(plan.problems[1].entry)
      assert.equal("list-changed", plan.problems[2].kind)
      assert.equal(1, plan.problems[2].entry)
      assert.equal(1, plan:exit_code())
      assert.matches("can't be relied on", plan:to_text(), 1, true)
    end
  end)

  it("and without a total is made of two readings", function()
    local it = filled { counted = false }
    nth(it, 2).userContactInfos = { email "Both@x.example" }
    assert.equal(1, #assert(desired.plan(client_of(it), it, wanted("user", "both@x.example"))).changes)
    assert.is_true(it.requests > 2 * (COUNT // SIZE))
  end)
end)

describe("find in a list that changes", function()
  it("finds whoever was there all the time, once, or gives the error", function()
    for _, shift in pairs(SHIFTS) do
      for page = 1, 4 do
        local it = filled()
        for _, person in ipairs(it.people) do
          person.userContactInfos = { phone "+49 30 1" }
        end
        local before = visible(it)
        function it.before(n)
          if n == page then
            shift(it)
          end
        end
        local seen = {}
        for _, hit in ipairs(assert(find.find(client_of(it), "user", { phone = "0049 30 1" }))) do
          assert.is_nil(seen[hit.user.id])
          seen[hit.user.id] = true
        end
        assert_complete(it, before, seen)
      end
    end
    local it = filled()
    function it.before()
      it.delete(nth(it, 1))
    end
    local found, err = find.find(client_of(it), "user", { phone = "1" })
    assert.is_nil(found)
    assert.equal("list-changed", err.code)
  end)
end)

describe("a list of something else than objects", function()
  it("is an error for whoever reads it all, not one raised on the way", function()
    for _, odd in ipairs { true, false, 0, "x" } do
      for at = 1, 3 do
        local session = server {}
        function session:unreadable(_, _, _, code) -- luacheck: ignore self
          return { code = code }
        end
        for i = 1, 2 do
          session.add { userContactInfos = {}, firstName = tostring(i) }
        end
        local fetch = session.fetch
        function session.fetch(...)
          local list, err, raw = fetch(...)
          if list and list[1] then
            table.insert(list, at, odd)
          end
          return list, err, raw
        end
        local client = client_of(session)
        local given, failed = 0, nil
        for user, err in client.users:each() do
          given, failed = given + (user and 1 or 0), err
        end
        assert.equal(at - 1, given)
        assert.equal("unexpected-answer", failed.code)
        assert.equal("unexpected-answer", select(2, find.find(client, "user", { phone = "+49 30 1" })).code)
      end
    end
  end)
end)

describe("over HTTP", function()
  it("a deletion between two pages is noticed, by each, find and plan", function()
    local people = {}
    for i = 1, 2500 do
      people[i] = { firstName = "U" .. i, lastName = "X", contact_infos = {
        { type = "email", subType = "private", value = ("u%d@x.example"):format(i) },
        { type = "phone", subType = "work", value = "+49 30 " .. 10000 + i } } }
    end
    local sandbox <close> = require "awork.sandbox".start { users = people, rate_limit = false, log = 100 }
    local admin <close> = assert(awork.client { token = sandbox.token, base_url = sandbox.url, rate = false })
    local pages = 0
    local client <close> = assert(awork.client { token = sandbox.token, base_url = sandbox.url, rate = false,
      on_response = function()
        pages = pages + 1
        if pages == 1 then
          assert(admin.users:delete(assert(admin.users:list { pageSize = 1, orderby = "createdOn desc,id" })[1].id))
        end
      end })
    local given = {}
    for user in client.users:each() do
      assert.is_nil(given[user.id])
      given[user.id] = true
    end
    for _, user in ipairs(sandbox.state().users) do
      assert.is_true(given[user.id])
    end
    pages = 0
    assert.equal(1, #assert(client.contact_infos:find { phone = "+49 30 11001" }))
    sandbox.clear_requests()
    local unchanged = 0
    for _ in client.users:each() do
      unchanged = unchanged + 1
    end
    assert.equal(2498, unchanged)
    assert.equal(3, #sandbox.requests())
  end)

  it("an apply that reads the list again finds everyone, however often the list changes", function()
    for _, moves in ipairs { 1, math.huge } do
      local sandbox <close> = require "awork.sandbox".start { users = 2100, rate_limit = false }
      local admin <close> = assert(awork.client { token = sandbox.token, base_url = sandbox.url, rate = false })
      local entries, left = {}, 0
      for i, user in ipairs(assert(admin.users:list { page = 2, orderby = "createdOn desc,id" })) do
        entries[i] = i <= 30 and { user = user.id, contact_infos = {
          { type = "phone", subType = "work", value = "+49 30 " .. 10000 + i } } } or nil
      end
      local client <close> = assert(awork.client { token = sandbox.token, base_url = sandbox.url, rate = false,
        on_response = function(request)
          if left > 0 and request.path == "/users" then
            left = left - 1
            assert(admin.users:delete(assert(admin.users:list { pageSize = 1, orderby = "createdOn desc,id" })[1].id))
          end
        end })
      local plan = assert(client:plan(entries))
      left = moves
      local report = assert(client:apply(plan, { journal = false, recheck = "list" }))
      assert.equal("done", report.state)
      assert.equal(30, report.counts.create)
      assert.is_true(left < moves or moves == math.huge)
    end
  end)
end)
