"""The catalogue: every rule in one table. A rule's source stands in its docstring, with its id.

A mark in the last column says what a rule's errors mean beyond being told:

    BLOCKS   an issue that would go by itself waits for a person
    HOUSE    the way our own letters are built: in others' mail it is advice, one step less severe
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mailer.lint import (
    bidi,
    contrast,
    dark,
    document,
    faces,
    headers,
    hostile,
    images,
    inbox,
    layout,
    links,
    paid,
    plain,
    reading,
    signature,
    styles,
)
from mailer.lint.finding import Severity, Spot
from mailer.lint.mail import Mail


class Weight(enum.StrEnum):
    PLAIN = "plain"
    BLOCKS = "blocks"
    HOUSE = "house"


ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE
PLAIN, BLOCKS, HOUSE = Weight.PLAIN, Weight.BLOCKS, Weight.HOUSE


@dataclass(frozen=True, slots=True)
class Rule:
    id: str
    severity: Severity
    check: Callable[[Mail], Iterator[Spot]]
    mend: str
    weight: Weight = PLAIN

    @property
    def subject(self) -> str:
        return SUBJECTS[self.id[0]]


#: What the letter of a rule's id stands for, in the order in which a report is read.
SUBJECTS = {
    "H": "hostile content", "M": "headers", "T": "links and consent", "S": "size", "D": "document", "N": "inbox",
    "P": "plain text", "A": "accessibility", "R": "direction and letters", "I": "pictures", "L": "layout",
    "C": "styles", "K": "dark mode",
}  # fmt: skip

RULES = (
    # -- hostile content
    Rule("H01", ERROR, hostile.no_overrides, "Take the invisible character out; isolates (U+2066-2069) do what is needed.", BLOCKS),
    Rule("H02", ERROR, hostile.no_scripts_in_addresses, "Link to an https address; put pictures on a web server.", BLOCKS),
    Rule("H03", ERROR, hostile.no_scripts_in_styles, "Take it out of the style attribute.", BLOCKS),
    Rule("H04", ERROR, hostile.is_bounded, "Find out which feed's entry it comes from, and drop that.", BLOCKS),
    Rule("H05", ERROR, hostile.no_refresh, "Take the meta tag out.", BLOCKS),
    # -- headers
    Rule("M01", ERROR, headers.both_parts, "Send multipart/alternative with text/plain first and text/html last.", BLOCKS),
    Rule("M02", ERROR, headers.needed_once, "Write From, To, Subject, Date and Message-ID once each.", BLOCKS),
    Rule("M02", WARNING, headers.own_message_id, "Make Message-IDs under the sender's own domain."),
    Rule("M03", ERROR, headers.can_unsubscribe, "Add List-Unsubscribe: <https://...> and its -Post (RFC 8058).", BLOCKS),
    Rule("M03", ERROR, headers.unsubscribe_is_signed, "Name both fields in the signature's h=.", BLOCKS),
    Rule("M04", ERROR, headers.lines_are_short, "Encode the body as quoted-printable or base64.", BLOCKS),
    Rule("M04", WARNING, headers.lines_end_alike, "End every line in CRLF."),
    Rule("M04", ERROR, headers.headers_are_ascii, "Write such words as encoded words (RFC 2047).", BLOCKS),
    Rule("M05", ERROR, headers.is_utf8, "Encode both parts as UTF-8 and say so in their Content-Type."),
    Rule("M05", WARNING, headers.is_ascii_on_the_wire, "Encode the body as quoted-printable or base64, or declare 8bit."),
    Rule("M06", ERROR, signature.signatures_hold, "Sign last, and let no relay behind it change the message."),
    Rule("M06", WARNING, signature.signer_is_the_sender, "Sign with a key of the From address's own domain."),
    Rule("M07", WARNING, headers.reply_goes_to_somebody, "Let answers go to a mailbox that somebody reads."),
    Rule("M08", WARNING, headers.has_list_id, "Add List-Id: Name <list.example.org>, the same for every issue."),
    Rule("M09", WARNING, headers.nothing_personal, "Name nobody but the one reader, in To, and attach nothing."),
    Rule("M10", WARNING, headers.has_a_date, "Write the time of sending with a numeric zone."),
    Rule("M11", NOTE, headers.smaller_encoding, "Use quoted-printable where most letters are ASCII."),
    Rule("M12", WARNING, headers.answers_itself, "Add Auto-Submitted: auto-generated."),
    Rule("M13", WARNING, headers.header_block_is_bounded, "Look what fills the header block, and take it out."),
    # -- links and consent
    Rule("T01", ERROR, links.unsubscribe_is_in_sight, "Put an unsubscribe link at the top and in the footer.", BLOCKS),
    Rule("T02", WARNING, links.has_a_postal_address, "Write the postal address in the newsletter's settings."),
    Rule("T02", ERROR, links.footer_is_whole, "Print the sender's postal address in the footer of both parts."),
    Rule("T03", ERROR, links.lead_to_the_web, "Link to whole https addresses of hosts with names."),
    Rule("T05", WARNING, links.show_their_host, "Show words, or the address that the link really has."),
    Rule("T06", WARNING, links.can_be_read_online, "Link to the issue's own page, the same for every reader."),
    Rule("T08", WARNING, links.tell_no_address, "Put a signed token into the link instead."),
    Rule("T09", WARNING, links.write_to_somebody, "Write the address after mailto:."),
    # -- size
    Rule("S01", ERROR, document.fits_before_the_cut, "Shorten summaries, or fold the tail into a link to the site.", BLOCKS),
    Rule("S02", ERROR, document.styles_are_small, "Keep style blocks under 8 KB and inline the rest."),
    Rule("S03", ERROR, document.no_stray_characters, "Read the source in its own charset."),
    Rule("S04", WARNING, document.message_is_small, "Leave pictures on a web server and shorten the text."),
    Rule("S05", WARNING, document.links_are_few, "Fewer stories, or one link to each."),
    # -- document
    Rule("D01", WARNING, document.starts_as_html, "Begin with <!doctype html>."),
    Rule("D02", ERROR, document.says_its_language, "Write <html lang=\"...\" dir=\"...\">."),
    Rule("D02", ERROR, document.repeats_its_language, "Give lang and dir to the first wrapper in the body, too.", HOUSE),
    Rule("D03", ERROR, document.has_a_title, "Write the subject into <title>.", HOUSE),
    Rule("D04", ERROR, document.declares_its_charset, "Begin the head with <meta charset=\"utf-8\">."),
    Rule("D04", WARNING, document.has_a_viewport, "Add <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">."),
    Rule("D05", ERROR, document.no_forbidden_elements, "Take it out: mail programs strip it, filters mark it.", BLOCKS),
    Rule("D05", ERROR, document.no_imports, "Put the rules into the block itself."),
    Rule("D06", ERROR, document.tags_balance, "Close what is opened, in the page and in Outlook's comments each on its own."),
    Rule("D07", WARNING, document.no_id_anchors, "Use each id once; mark places by <a name>."),
    Rule("D08", ERROR, hostile.nothing_left_of_a_template, "Fill it in the template, or take it out.", BLOCKS),
    Rule("D08", ERROR, hostile.nothing_empty, "Give the value, or let the template leave its line out."),
    Rule("D08", NOTE, document.no_comments_left, "Take comments out, but those for Outlook."),
    # -- inbox and words
    Rule("N01", ERROR, inbox.subject_fits, "Say the news in 60 characters, 45 in Arabic script.", BLOCKS),
    Rule("N02", WARNING, inbox.preheader_adds, "Begin the body with a hidden line that adds to the subject."),
    Rule("N11", WARNING, inbox.date_is_the_days, "Let the date line follow the day on which it goes."),
    Rule("N10", WARNING, paid.sponsors_are_labelled, "Say in its first line who paid for it: Sponsored by ..."),
    Rule("N10", WARNING, paid.paid_stories_are_marked, "Mark it beside its headline, as the layouts of ours do."),
    Rule("N08", WARNING, inbox.summaries_end, "End the summary at a sentence."),
    # -- plain text
    Rule("P01", ERROR, plain.says_the_same, "Print every headline in the plain part, in the same order.", HOUSE),
    Rule("P01", ERROR, plain.has_the_links, "Print every link of the page in the plain part.", HOUSE),
    Rule("P02", WARNING, plain.reads_well, "Write the plain part from a template of its own, wrapped near 72."),
    Rule("P03", ERROR, plain.can_be_left, "Print the unsubscribe link in the plain part.", BLOCKS),
    Rule("P04", WARNING, plain.begins_from_the_right, "Begin the paragraph with U+200F.", HOUSE),
    # -- accessibility
    Rule("A01", WARNING, reading.one_heading, "Give the letter one <h1>."),
    Rule("A01", WARNING, reading.headings_step_down, "Go down one level at a time."),
    Rule("A02", ERROR, reading.links_have_a_text, "Write words into the link, or an alt on its picture."),
    Rule("A03", WARNING, reading.links_say_where, "Link the headline, or words that name what follows."),
    Rule("A04", ERROR, contrast.texts_stand_out, "Make the text darker or its ground lighter; by night the other way.", HOUSE),
    Rule("A05", WARNING, reading.links_are_not_colour_alone, "Underline links in running text."),
    Rule("A06", ERROR, reading.other_languages_are_marked, "Give the block the lang and dir of its own language.", HOUSE),
    Rule("A08", WARNING, reading.spacers_are_silent, "Give them aria-hidden=\"true\"."),
    Rule("A09", WARNING, reading.no_shouting, "Write in small letters."),
    Rule("A10", WARNING, reading.nothing_flashes, "Let it stand still."),
    Rule("A11", WARNING, reading.data_tables_have_heads, "Give it scope=\"col\" or scope=\"row\"."),
    # -- direction and letters
    Rule("R01", ERROR, bidi.direction_is_the_languages, "Let dir follow the language's script."),
    Rule("R01", ERROR, bidi.cells_carry_it, "Write dir=\"rtl\" on the wrapper, the tables and the cells with text."),
    Rule("R03", ERROR, bidi.sides_are_physical, "Write left and right, turned by the template.", HOUSE),
    Rule("R04", WARNING, bidi.runs_are_isolated, "Put the run into <bdi>, or between U+2068 and U+2069."),
    Rule("R05", WARNING, bidi.inbox_lines_begin_right, "Put U+200F (U+200E) before it, or begin with another word."),
    Rule("R06", WARNING, faces.first_face_has_the_letters, "Begin the stack with a face of that script, as Tahoma."),
    Rule("R07", WARNING, bidi.arabic_is_set_plainly, "Set it upright, unspaced, from the right."),
    Rule("R08", WARNING, bidi.kurdish_letters, "Type it with a Kurdish keyboard: ک ی ە."),
    Rule("R09", NOTE, bidi.one_kind_of_digits, "Choose one kind of digits for the edition."),
    # -- pictures
    Rule("I01", ERROR, images.have_alt, "Say in a few words what the picture shows; alt=\"\" where it only decorates."),
    Rule("I02", ERROR, images.have_a_width, "Write the width it is shown at, at most 600.", HOUSE),
    Rule("I02", WARNING, images.scale, "Write height:auto into its style."),
    Rule("I03", ERROR, images.come_over_https, "Serve pictures over https."),
    Rule("I05", WARNING, images.not_all_pictures, "Say in words what the pictures say."),
    Rule("I07", WARNING, images.pixels_have_an_empty_alt, "Write alt=\"\"."),
    Rule("I08", WARNING, images.have_their_credit, "Print the credit under the picture."),
    # -- layout
    Rule("L01", ERROR, layout.tables_are_presentation, "Write role=\"presentation\" on every table that only makes columns."),
    Rule("L01", ERROR, layout.tables_have_no_gaps, "Write border=\"0\" cellpadding=\"0\" cellspacing=\"0\".", HOUSE),
    Rule("L02", ERROR, layout.outlook_has_a_width, "Wrap the column in <!--[if mso]><table width=\"600\">.", HOUSE),
    Rule("L04", WARNING, layout.tables_are_shallow, "Put blocks one after another instead of one into another."),
    Rule("L05", WARNING, layout.no_spans, "Use a table of its own for each row.", HOUSE),
    Rule("L06", WARNING, layout.padding_on_cells, "Put the padding on a cell.", HOUSE),
    Rule("L08", WARNING, layout.columns_stand_close, "Set font-size:0 on what holds the columns.", HOUSE),
    # -- styles
    Rule("C01", ERROR, styles.nothing_modern, "Build columns of tables and inline blocks.", HOUSE),
    Rule("C02", ERROR, styles.colours_are_plain, "Write colours as six digits: #0b4f6c."),
    Rule("C03", ERROR, styles.no_at_in_at, "Write the inner rule on its own."),
    Rule("C04", WARNING, styles.known_at_rules, "Keep to @media and @font-face."),
    Rule("C05", WARNING, styles.styles_parse, "Mend the style attribute."),
    Rule("C06", ERROR, styles.media_rules_win, "Write ` !important`: one blank, small letters.", HOUSE),
    Rule("C07", WARNING, styles.text_is_large_enough, "Set it larger."),
    Rule("C07", NOTE, styles.lines_have_a_height, "Add mso-line-height-rule:exactly.", HOUSE),
    Rule("C09", WARNING, styles.no_background_pictures, "Set a background colour under it."),
    # -- dark mode
    Rule("K01", ERROR, dark.declares_its_schemes, "Declare color-scheme: light dark, in a meta tag and on :root.", HOUSE),
    Rule("K01", WARNING, dark.covers_its_colours, "Give every coloured text a class and a rule in the dark block.", HOUSE),
    Rule("K02", WARNING, dark.outlook_has_its_twin, "Repeat each dark rule under [data-ogsc] or [data-ogsb].", HOUSE),
)  # fmt: skip

#: What a program alone cannot tell from the bytes, and what is needed for it.
NOT_FROM_BYTES = (("R06", "whether a reader's device has the faces that are named, only the device knows"),)
