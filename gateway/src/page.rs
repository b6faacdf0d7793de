//! Pages of lists.

use serde::Serialize;
use utoipa::ToSchema;

use crate::input::{Fields, int_text};

/// Which page is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    pub page: i64,
    pub page_size: i64,
}

/// Where a page stands among all.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pagination {
    pub page: i64,
    pub page_size: i64,
    pub total: i64,
    pub total_pages: i64,
}

/// Pages beyond this are refused: an offset costs the database every row before it.
const PAGE_MAX: i64 = 100_000;

impl Page {
    /// Reads `page` and `pageSize`.
    pub fn read(fields: &mut Fields<'_>, size: i64, size_max: i64) -> Option<Self> {
        let page = fields.or("page", int_text(1, PAGE_MAX), 1);
        let page_size = fields.or("pageSize", int_text(1, size_max), size);
        Some(Self { page: page?, page_size: page_size? })
    }

    #[must_use]
    pub const fn offset(self) -> i64 {
        (self.page - 1) * self.page_size
    }

    #[must_use]
    pub const fn of(self, total: i64) -> Pagination {
        let total_pages = (total + self.page_size - 1) / self.page_size;
        Pagination { page: self.page, page_size: self.page_size, total, total_pages }
    }
}
