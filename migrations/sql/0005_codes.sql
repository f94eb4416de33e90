CREATE TABLE "code_counts" (
	"account_id" text NOT NULL,
	"day" date NOT NULL,
	"shard" integer NOT NULL,
	"issued" bigint DEFAULT 0 NOT NULL,
	"verified" bigint DEFAULT 0 NOT NULL,
	"expired" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "code_counts_account_id_day_shard_pk" PRIMARY KEY("account_id","day","shard")
);
--> statement-breakpoint
CREATE TABLE "one_time_codes" (
	"account_id" text NOT NULL,
	"mailbox" text NOT NULL,
	"purpose" text NOT NULL,
	"id" text NOT NULL,
	"code_mac" "bytea",
	"code_length" smallint NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"asked_at" timestamp with time zone[] NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "one_time_codes_account_id_mailbox_purpose_pk" PRIMARY KEY("account_id","mailbox","purpose")
);
--> statement-breakpoint
CREATE INDEX "one_time_codes_expiry" ON "one_time_codes" USING btree ("expires_at");