CREATE TABLE "sender_paces" (
	"account_id" text NOT NULL,
	"sender_domain" text NOT NULL,
	"mailbox_provider" text NOT NULL,
	"next_at" timestamp with time zone NOT NULL,
	CONSTRAINT "sender_paces_pk" PRIMARY KEY("account_id","sender_domain","mailbox_provider")
);
--> statement-breakpoint
CREATE TABLE "sender_statistics" (
	"account_id" text NOT NULL,
	"sender_domain" text NOT NULL,
	"mailbox_provider" text NOT NULL,
	"day" date NOT NULL,
	"delivered" bigint DEFAULT 0 NOT NULL,
	"complained" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "sender_statistics_pk" PRIMARY KEY("day","account_id","sender_domain","mailbox_provider")
);
--> statement-breakpoint
ALTER TABLE "requests" ADD COLUMN "sender_domain" text;