-- Start an awork sandbox alone, for curl and other clients; end it with Ctrl-C.
--
--   lua5.4 examples/sandbox.lua --port 8080 --users 100
--   curl -H "Authorization: Bearer $AWORK_TOKEN" "$AWORK_BASE_URL/users/$AWORK_USER_ID/contactinfo"
os.exit(require "awork.sandbox".main(arg), true)
