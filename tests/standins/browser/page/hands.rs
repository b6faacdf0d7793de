//! What a person's hands do to a tab, and what its form and its own script make of that.

use std::rc::Rc;
use std::time::Duration;

use super::super::events::Exchange;
use super::super::form::{Control, Form, Kind, Popup, Target};
use super::Page;

/// The pause after a key before a text box asks for suggestions; the page's own script says so.
const SUGGEST: Duration = Duration::from_millis(150);

impl Page {
    /// The mouse button goes down.
    pub fn press(self: &Rc<Self>, x: f64, y: f64) {
        let target = self.document().at(x, y);
        self.inside.borrow_mut().pressed = target;
        let mut document = self.document_mut();
        match target {
            // Suggestions take the press itself, before the box loses the focus.
            Target::Suggestion(line) => {
                let Some(popup) = document.popup.take() else { return };
                let label = popup.labels.get(line).cloned().unwrap_or_default();
                if let Some(field) = document.field_mut(popup.field) {
                    field.write(&label, true);
                }
            }
            Target::Field(at) if document.fields().get(at).is_some_and(|field| field.kind.is_text()) => {
                document.focus_on(at, false);
            }
            _ => document.leave(),
        }
    }

    /// The mouse button goes up: a click, when it is still where it was pressed.
    pub fn release(self: &Rc<Self>, x: f64, y: f64) {
        let target = self.document().at(x, y);
        if target == self.inside.borrow().pressed {
            self.click(target);
        }
    }

    /// What a click does, made by a mouse or by a script.
    pub fn click(self: &Rc<Self>, target: Target) {
        match target {
            Target::Choice(at, choice) => {
                let mut document = self.document_mut();
                let Some(field) = document.field_mut(at) else { return };
                let radio = field.kind == Kind::Radio;
                for (other, option) in field.choices.iter_mut().enumerate() {
                    if other == choice {
                        option.on = radio || !option.on;
                    } else if radio {
                        option.on = false;
                    }
                }
            }
            Target::Submit => {
                let may = {
                    let mut document = self.document_mut();
                    document.can_send() && (!document.engine || document.gate.click())
                };
                if may {
                    self.submit();
                }
            }
            _ => {}
        }
    }

    /// The form's submit event and, if the guard lets it, what follows.
    pub fn submit(self: &Rc<Self>) {
        let sending = {
            let mut document = self.document_mut();
            if document.engine && !document.gate.submit() {
                return;
            }
            let Some(form) = &mut document.form else { return };
            form.sent = true;
            let boundary = format!("----valet{}", uuid::Uuid::new_v4().simple());
            form.body(&boundary).map(|body| (form.action.clone(), boundary, body))
        };
        // A file that cannot be read any more: a browser fails the navigation, and nothing is sent.
        let Ok((action, boundary, body)) = sending else { return };
        let page = Rc::clone(self);
        tokio::task::spawn_local(async move {
            let kind = format!("multipart/form-data; boundary={boundary}");
            let _ = page.navigate(action, Some((kind, body))).await;
        });
    }

    /// Text arrives at the focused box.
    pub fn insert(self: &Rc<Self>, text: &str) {
        let (at, asks) = {
            let mut document = self.document_mut();
            let Some(at) = document.focus else { return };
            let replace = std::mem::take(&mut document.selected);
            let Some(field) = document.field_mut(at) else { return };
            field.write(text, replace);
            (at, field.kind == Kind::Combobox)
        };
        if asks {
            self.suggest(at);
        }
    }

    /// A key that does something rather than write something.
    pub fn key(self: &Rc<Self>, name: &str) {
        let mut document = self.document_mut();
        let Some(at) = document.focus else { return };
        match name {
            "Backspace" => {
                let whole = std::mem::take(&mut document.selected);
                let Some(field) = document.field_mut(at) else { return };
                if whole {
                    field.text.clear();
                } else {
                    field.text.pop();
                }
                let asks = field.kind == Kind::Combobox;
                drop(document);
                if asks {
                    self.suggest(at);
                }
            }
            "Escape" => document.popup = None,
            "Tab" => document.leave(),
            // In a line of text, Enter sends the form it is in.
            "Enter" if document.fields().get(at).is_some_and(|field| field.kind != Kind::Textarea) => {
                drop(document);
                self.submit();
            }
            _ => {}
        }
    }

    /// The page's own script: asks for suggestions a moment after the last key, and shows them.
    fn suggest(self: &Rc<Self>, at: usize) {
        let (number, loader) = {
            let mut document = self.document_mut();
            document.searches += 1;
            (document.searches, document.loader.clone())
        };
        let page = Rc::clone(self);
        tokio::task::spawn_local(async move {
            tokio::time::sleep(SUGGEST).await;
            let asked = {
                let mut document = page.document_mut();
                if document.loader != loader || document.searches != number {
                    return;
                }
                let Some(form) = &document.form else { return };
                let (Some(path), Some(field)) = (&form.suggestions, form.fields.get(at)) else { return };
                if field.text.trim().chars().count() < 2 {
                    document.popup = None;
                    return;
                }
                let text: String = url::form_urlencoded::byte_serialize(field.text.as_bytes()).collect();
                form.action.join(&format!("{path}{text}")).map(|url| (url, field.text.clone()))
            };
            let Ok((url, text)) = asked else { return };
            let id = page.next_id();
            let exchange = Exchange { id: &id, loader: &loader, frame: &page.id, kind: "Fetch" };
            let answer = page.fetch(&exchange, url, None).await;
            let labels: Vec<String> =
                answer.ok().and_then(|(_, answer)| serde_json::from_slice(&answer.body).ok()).unwrap_or_default();
            let mut document = page.document_mut();
            let same = document.fields().get(at).is_some_and(|field| field.text == text);
            if document.loader == loader && same && document.focus == Some(at) {
                document.popup = (!labels.is_empty()).then_some(Popup { field: at, labels });
            }
        });
    }
}

impl Form {
    /// What the form sends, as `multipart/form-data`.
    fn body(&self, boundary: &str) -> std::io::Result<Vec<u8>> {
        let mut body = Vec::new();
        let quoted = |text: &str| text.replace('"', "%22").replace(['\r', '\n'], "%0A");
        let mut part = |name: &str, file: Option<&str>, bytes: &[u8]| {
            let name = quoted(name);
            body.extend_from_slice(
                format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"").as_bytes(),
            );
            if let Some(file) = file {
                let kind = if file.ends_with(".pdf") { "application/pdf" } else { "application/octet-stream" };
                body.extend_from_slice(format!("; filename=\"{}\"\r\nContent-Type: {kind}", quoted(file)).as_bytes());
            }
            body.extend_from_slice(b"\r\n\r\n");
            body.extend_from_slice(bytes);
            body.extend_from_slice(b"\r\n");
        };
        for control in &self.controls {
            let field = match control {
                Control::Fixed(name, value) => {
                    part(name, None, value.as_bytes());
                    continue;
                }
                Control::Field(at) => &self.fields[*at],
            };
            match (field.kind, &field.file) {
                (Kind::File, Some(file)) => part(&field.name, Some(&file.name), &std::fs::read(&file.path)?),
                (Kind::File, None) => part(&field.name, Some(""), b""),
                (Kind::Select, _) => {
                    let chosen = field.choices.iter().find(|choice| choice.on);
                    part(&field.name, None, chosen.map_or("", |choice| &choice.value).as_bytes());
                }
                (Kind::Checkbox | Kind::CheckboxGroup | Kind::Radio, _) => {
                    for choice in field.choices.iter().filter(|choice| choice.on) {
                        part(&field.name, None, choice.value.as_bytes());
                    }
                }
                _ => part(&field.name, None, field.text.replace("\r\n", "\n").replace('\n', "\r\n").as_bytes()),
            }
        }
        body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        Ok(body)
    }
}
